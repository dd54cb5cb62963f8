#include "hv/base/decompress/crc32.hpp"

#include <array>

#include "hv/base/unaligned.hpp"

namespace hv {
namespace {

constexpr std::array<std::uint32_t, 256> kTable = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t sum = byte;
        for (int bit = 0; bit < 8; ++bit) sum = (sum >> 1) ^ (sum & 1 ? 0xedb88320 : 0);
        table[byte] = sum;
    }
    return table;
}();

std::uint32_t add_bytes(std::uint32_t sum, std::span<const std::byte> bytes) {
    for (const std::byte byte : bytes) sum = (sum >> 8) ^ kTable[(sum ^ static_cast<std::uint8_t>(byte)) & 0xff];
    return sum;
}

// The polynomial divides x^300 + x^155 + x^117 + x^89 + 1, so that a bit may be struck out of the message when it is
// added to those that come 145, 183, 211 and 300 bits after it. A word of bits is, at once, and that takes a few shifts
// instead of a look into a table for each byte. What is still to be added to the next five words:
struct Carried {
    static constexpr std::size_t kWords = 5;
    std::uint64_t words[kWords] = {};

    void strike_out(std::uint64_t word) {
        word ^= words[0];
        words[0] = words[1];
        words[1] = words[2] ^ word << 17 ^ word << 55;
        words[2] = words[3] ^ word >> 47 ^ word >> 9 ^ word << 19;
        words[3] = words[4] ^ word >> 45 ^ word << 44;
        words[4] = word >> 20;
    }
};
static_assert(145 == 2 * 64 + 17 && 183 == 2 * 64 + 55 && 211 == 3 * 64 + 19 && 300 == 4 * 64 + 44);

}  // namespace

std::uint32_t crc32(std::span<const std::byte> bytes) {
    constexpr std::size_t kCarriedBytes = sizeof Carried::words, kWord = sizeof(std::uint64_t);
    constexpr std::uint32_t kStart = ~std::uint32_t{0};
    if (bytes.size() < 2 * kCarriedBytes) return ~add_bytes(kStart, bytes);
    Carried carried{.words = {kStart}};
    const std::byte* at = bytes.data();
    const std::byte* const end = at + bytes.size();
    for (; static_cast<std::size_t>(end - at) >= 2 * kCarriedBytes; at += kCarriedBytes)
        for (std::size_t i = 0; i < Carried::kWords; ++i) carried.strike_out(load64(at + i * kWord));
    for (std::uint64_t& word : carried.words) {
        word ^= load64(at);
        at += kWord;
    }
    return ~add_bytes(add_bytes(0, std::as_bytes(std::span{carried.words})), {at, end});
}

}  // namespace hv
