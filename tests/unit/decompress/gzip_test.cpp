#include <gtest/gtest.h>
#include <zlib.h>

#include "tests/unit/decompress/packers.hpp"
#include "tests/unit/decompress/round_trip.hpp"

namespace {

TEST(Gzip, RoundTrips) {
    for (const auto& [name, bytes] : samples::all())
        for (const int level : {0, 1, 6, 9}) {
            SCOPED_TRACE(name + ", level " + std::to_string(level));
            round_trip::expect(packers::gzip(bytes, {.level = level}), bytes);
        }
}

TEST(Gzip, KnowsAllKindsOfBlocks) {
    for (const auto& [name, bytes] : samples::all())
        for (const int strategy : {Z_FIXED, Z_HUFFMAN_ONLY, Z_RLE, Z_FILTERED}) {
            SCOPED_TRACE(name + ", strategy " + std::to_string(strategy));
            round_trip::expect(packers::gzip(bytes, {.strategy = strategy}), bytes);
        }
}

TEST(Gzip, SkipsOptionalHeaderFields) {
    const samples::Bytes bytes = samples::words(1000);
    samples::Bytes packed = packers::gzip(bytes, {.all_header_fields = true});
    round_trip::expect(packed, bytes);
    packed[12] ^= std::byte{1};  // in the extra field, under the header's sum
    EXPECT_EQ(unpacking::error_of(packed, bytes.size()), hv::Error::BadArgument);
}

TEST(Gzip, RefusesWhatItDoesNotKnow) {
    samples::Bytes packed = packers::gzip(samples::words(1000));
    packed[2] = std::byte{7};
    EXPECT_EQ(unpacking::error_of(packed, 1000), hv::Error::NotSupported);
    packed[2] = std::byte{8};
    packed[3] = std::byte{0x20};
    EXPECT_EQ(unpacking::error_of(packed, 1000), hv::Error::NotSupported);
}

TEST(Gzip, ChecksItsTrailer) {
    const samples::Bytes packed = packers::gzip(samples::words(1000));
    for (std::size_t index = packed.size() - 8; index < packed.size(); ++index) {
        samples::Bytes damaged = packed;
        damaged[index] ^= std::byte{0x40};
        EXPECT_EQ(unpacking::error_of(damaged, 1000), hv::Error::BadArgument) << index;
    }
}

}  // namespace
