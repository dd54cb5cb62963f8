// Hostile input, the same for all formats.
#include <gtest/gtest.h>

#include <random>

#include "tests/unit/decompress/packers.hpp"
#include "tests/unit/decompress/unpacking.hpp"

namespace {

using samples::Bytes;

struct Packed {
    std::string name;
    Bytes bytes, packed;
};

std::vector<Packed> packed_samples(std::size_t size) {
    std::vector<Packed> list;
    for (const auto& [name, bytes] : {samples::Sample{"words", samples::words(size)},
                                      {"mixed", samples::mixed(size)},
                                      {"calls", samples::calls(size)},
                                      // Stored as it is: more of it is more of the same.
                                      {"noise", samples::noise(size / 10)}}) {
        list.push_back({"gzip " + name, bytes, packers::gzip(bytes)});
        list.push_back({"xz " + name, bytes, packers::xz(bytes)});
        list.push_back({"zstd " + name, bytes, packers::zstd(bytes)});
        list.push_back(
            {"zstd without sum " + name, bytes, packers::zstd(bytes, {.level = 19, .sum = false, .size = false})});
    }
    return list;
}

TEST(Damage, EveryTruncationIsNoticed) {
    for (const auto& [name, bytes, packed] : packed_samples(2'000))
        for (std::size_t size = 0; size < packed.size(); ++size)
            EXPECT_EQ(unpacking::error_of(std::span{packed}.first(size), bytes.size()), hv::Error::BadArgument)
                << name << ' ' << size;
}

TEST(Damage, OutputThatIsTooSmall) {
    for (const auto& [name, bytes, packed] : packed_samples(2'000))
        for (std::size_t room = 0; room < bytes.size(); room += room < 50 || room > 1'950 ? 1 : 37)
            EXPECT_EQ(unpacking::error_of(packed, room), hv::Error::BadArgument) << name << ' ' << room;
}

TEST(Damage, FlippedBitsDoNoHarm) {
    for (const auto& [name, bytes, packed] : packed_samples(1'000))
        for (std::size_t bit = 0; bit < packed.size() * 8; ++bit) {
            Bytes damaged = packed;
            damaged[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
            static_cast<void>(unpacking::unpack(damaged, bytes.size()));
        }
}

TEST(Damage, ManyRandomBytesDoNoHarm) {
    std::mt19937 random{11};
    for (const auto& [name, bytes, packed] : packed_samples(20'000))
        for (int round = 0; round < 300; ++round) {
            Bytes damaged = packed;
            for (auto count = 1 + random() % 8; count != 0; --count)
                damaged[random() % damaged.size()] = static_cast<std::byte>(random());
            static_cast<void>(unpacking::unpack(damaged, bytes.size()));
        }
}

TEST(Damage, WhatIsNotOnOfferIsSaidSo) {
    const std::vector<std::string> others{"BZh9", std::string("\x5d\0\0\x80", 4), "\x02\x21\x4c\x18",
                                          std::string("\x89LZO\0\r\n\x1a\n", 9)};
    for (const std::string& start : others)
        EXPECT_EQ(unpacking::error_of(std::as_bytes(std::span{start}), 100), hv::Error::NotSupported);
    EXPECT_EQ(unpacking::error_of(samples::words(100), 100), hv::Error::BadArgument);
    EXPECT_EQ(unpacking::error_of({}, 100), hv::Error::BadArgument);
}

}  // namespace
