#include "hv/base/decompress/crc32.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include "tests/unit/decompress/samples.hpp"

namespace {

// Every length and alignment that a fast path may treat differently.
TEST(Crc32, IsZlibs) {
    const samples::Bytes bytes = samples::mixed(70'000);
    const auto expect_same = [&](std::size_t start, std::size_t size) {
        const auto part = std::span{bytes}.subspan(start, size);
        EXPECT_EQ(hv::crc32(part), ::crc32(0, reinterpret_cast<const Bytef*>(part.data()), static_cast<uInt>(size)))
            << start << ' ' << size;
    };
    for (std::size_t size = 0; size < 600; ++size) expect_same(size % 9, size);
    for (std::size_t size = 1'000; size + 8 < bytes.size(); size += 997) expect_same(size % 8, size);
}

}  // namespace
