#include <gtest/gtest.h>
#include <lzma.h>

#include "tests/unit/decompress/packers.hpp"
#include "tests/unit/decompress/round_trip.hpp"

namespace {

TEST(Xz, RoundTrips) {
    for (const auto& [name, bytes] : samples::all())
        for (const std::uint32_t preset : {0, 3, 6}) {
            SCOPED_TRACE(name + ", preset " + std::to_string(preset));
            round_trip::expect(packers::xz(bytes, {.preset = preset}), bytes);
            round_trip::expect(packers::xz(bytes, {.preset = preset, .x86 = false}), bytes);
        }
}

TEST(Xz, AllChecksOfTheFormat) {
    const samples::Bytes bytes = samples::words(10'000);
    for (const int check : {LZMA_CHECK_NONE, LZMA_CHECK_CRC32, LZMA_CHECK_CRC64, LZMA_CHECK_SHA256})
        round_trip::expect(packers::xz(bytes, {.check = check}), bytes);
}

TEST(Xz, AllModelProperties) {
    const samples::Bytes bytes = samples::mixed(60'000);
    for (std::uint32_t lc = 0; lc <= 4; ++lc)
        for (std::uint32_t lp = 0; lc + lp <= 4; ++lp)
            for (const std::uint32_t pb : {0, 1, 2, 3, 4}) {
                SCOPED_TRACE(testing::Message() << lc << ' ' << lp << ' ' << pb);
                EXPECT_EQ(
                    unpacking::unpack(packers::xz(bytes, {.preset = 0, .lc = lc, .lp = lp, .pb = pb}), bytes.size()),
                    bytes);
            }
}

TEST(Xz, ManyBlocks) {
    const samples::Bytes bytes = samples::mixed(200'000);
    for (const std::size_t block : {1'000, 7'777, 65'536})
        for (const bool x86 : {false, true})
            round_trip::expect(packers::xz(bytes, {.x86 = x86, .block = block}), bytes);
}

TEST(Xz, X86FilterUndoesAnyStart) {
    for (unsigned seed = 0; seed < 30; ++seed) {
        const samples::Bytes bytes = samples::calls(5'000 + seed, seed);
        for (const std::uint32_t start : {0u, 0x1000u, 0x00ff'fff0u, 0x7fff'fff0u, 0xffff'f000u}) {
            SCOPED_TRACE(testing::Message() << seed << ' ' << start);
            EXPECT_EQ(unpacking::unpack(packers::xz(bytes, {.preset = 0, .x86_start = start}), bytes.size()), bytes);
        }
    }
}

TEST(Xz, X86FilterLeavesTheLastBytesAlone) {
    for (std::size_t size = 1; size < 40; ++size) {
        const samples::Bytes bytes = samples::calls(size, 3);
        EXPECT_EQ(unpacking::unpack(packers::xz(bytes), size), bytes) << size;
    }
}

TEST(Xz, RefusesOtherFilters) {
    const samples::Bytes packed = packers::xz(samples::words(1000), {.other_filter = LZMA_FILTER_ARM});
    EXPECT_EQ(unpacking::error_of(packed, 1000), hv::Error::NotSupported);
}

// The headers and the index are under sums, as is the data.
TEST(Xz, NoticesEveryFlippedBit) {
    const samples::Bytes bytes = samples::words(600), packed = packers::xz(bytes);
    for (std::size_t bit = 0; bit < packed.size() * 8; ++bit) {
        samples::Bytes damaged = packed;
        damaged[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
        EXPECT_FALSE(unpacking::unpack(damaged, bytes.size())) << bit;
    }
}

}  // namespace
