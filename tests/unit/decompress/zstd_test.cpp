#include <gtest/gtest.h>

#include "tests/unit/decompress/packers.hpp"
#include "tests/unit/decompress/round_trip.hpp"

namespace {

TEST(Zstd, RoundTrips) {
    for (const auto& [name, bytes] : samples::all())
        for (const int level : {-5, 1, 3, 9, 19}) {
            SCOPED_TRACE(name + ", level " + std::to_string(level));
            round_trip::expect(packers::zstd(bytes, {.level = level}), bytes);
        }
}

TEST(Zstd, WithoutSumSizeAndPackedLiterals) {
    for (const auto& [name, bytes] : samples::all()) {
        SCOPED_TRACE(name);
        round_trip::expect(packers::zstd(bytes, {.sum = false}), bytes);
        round_trip::expect(packers::zstd(bytes, {.size = false}), bytes);
        round_trip::expect(packers::zstd(bytes, {.plain_literals = true}), bytes);
    }
}

// Small blocks take over their predecessors' tables.
TEST(Zstd, SmallBlocks) {
    for (const auto& [name, bytes] : samples::all())
        for (const std::size_t block : {100, 1'000, 20'000}) {
            SCOPED_TRACE(name + ", blocks of " + std::to_string(block));
            round_trip::expect(packers::zstd(bytes, {.level = 7, .block = block}), bytes);
        }
}

TEST(Zstd, ManyFrames) {
    const samples::Bytes first = samples::words(5'000), second = samples::mixed(50'000);
    samples::Bytes packed = packers::zstd(first), all = first;
    for (const int byte : {0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3}) packed.push_back(static_cast<std::byte>(byte));
    const samples::Bytes next = packers::zstd(second);
    packed.insert(packed.end(), next.begin(), next.end());
    all.insert(all.end(), second.begin(), second.end());
    round_trip::expect(packed, all);
}

TEST(Zstd, RefusesDictionaries) {
    // A frame with a dictionary's number, 1, and an empty last block.
    samples::Bytes packed;
    for (const int byte : {0x28, 0xb5, 0x2f, 0xfd, 0x21, 1, 0, 1, 0, 0}) packed.push_back(static_cast<std::byte>(byte));
    EXPECT_EQ(unpacking::error_of(packed, 0), hv::Error::NotSupported);
    packed[5] = std::byte{0};
    EXPECT_EQ(unpacking::unpack(packed, 0), samples::Bytes{});
}

TEST(Zstd, ChecksItsSum) {
    samples::Bytes packed = packers::zstd(samples::words(1000));
    packed.back() ^= std::byte{1};
    EXPECT_EQ(unpacking::error_of(packed, 1000), hv::Error::BadArgument);
}

}  // namespace
