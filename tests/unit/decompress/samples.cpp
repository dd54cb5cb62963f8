#include "tests/unit/decompress/samples.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <random>
#include <string_view>

namespace samples {

Bytes zeros(std::size_t size) {
    return Bytes(size);
}

Bytes noise(std::size_t size, unsigned seed) {
    std::mt19937 random{seed};
    Bytes bytes(size);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    return bytes;
}

Bytes words(std::size_t size, unsigned seed) {
    std::mt19937 random{seed};
    std::array<std::string, 200> vocabulary;
    for (std::string& word : vocabulary) {
        word.resize(1 + random() % 12);
        for (char& letter : word) letter = static_cast<char>('a' + random() % 26);
    }
    Bytes bytes;
    while (bytes.size() < size) {
        // The square prefers the first words.
        const std::size_t pick = random() % vocabulary.size();
        for (const char letter : vocabulary[pick * pick / vocabulary.size()])
            bytes.push_back(static_cast<std::byte>(letter));
        bytes.push_back(random() % 10 == 0 ? std::byte{'\n'} : std::byte{' '});
    }
    bytes.resize(size);
    return bytes;
}

Bytes periodic(std::size_t size, std::size_t period) {
    const Bytes part = noise(period);
    Bytes bytes(size);
    for (std::size_t index = 0; index < size; ++index) bytes[index] = part[index % period];
    return bytes;
}

Bytes calls(std::size_t size, unsigned seed) {
    constexpr std::array<std::uint8_t, 8> kLikely = {0xe8, 0xe9, 0x00, 0xff, 0xe8, 0x01, 0xfe, 0x90};
    std::mt19937 random{seed};
    Bytes bytes(size);
    for (std::byte& byte : bytes) {
        const auto value = random();
        byte = static_cast<std::byte>(value % 5 == 0 ? value >> 8 : kLikely[(value >> 8) % kLikely.size()]);
    }
    return bytes;
}

Bytes program() {
    std::ifstream file{"/proc/self/exe", std::ios::binary};
    Bytes bytes(600'000);
    file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    bytes.resize(static_cast<std::size_t>(file.gcount()));
    return bytes;
}

Bytes mixed(std::size_t size) {
    std::mt19937 random{7};
    Bytes bytes;
    for (unsigned round = 0; bytes.size() < size; ++round) {
        const std::size_t length = 1 + random() % 30'000;
        Bytes part;
        switch (random() % 5) {
            case 0: part = zeros(length); break;
            case 1: part = noise(length, round); break;
            case 2: part = words(length, round % 3); break;
            case 3: part = periodic(length, 1 + random() % 20); break;
            default: part = calls(length, round); break;
        }
        bytes.insert(bytes.end(), part.begin(), part.end());
    }
    bytes.resize(size);
    return bytes;
}

std::vector<Sample> all() {
    std::vector<Sample> list{{"nothing", {}},           {"one byte", noise(1)},     {"zeros", zeros(300'000)},
                             {"noise", noise(200'000)}, {"words", words(400'000)},  {"calls", calls(100'000)},
                             {"program", program()},    {"mixed", mixed(1'500'000)}};
    for (const std::size_t period : {2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17})
        list.push_back({"period " + std::to_string(period), periodic(5'000, period)});
    for (const std::size_t size : {2, 3, 7, 8, 31, 32, 33, 100})
        list.push_back({"short " + std::to_string(size), words(size)});
    return list;
}

}  // namespace samples
