#include "hv/base/nospec.hpp"

#include <gtest/gtest.h>

namespace hv {
namespace {

TEST(Nospec, AnIndexBelowTheSizeStaysAndOthersBecomeNought) {
    for (const std::uint64_t size : {1ull, 2ull, 64ull, 1ull << 31, 1ull << 62}) {
        for (const std::uint64_t index : {std::uint64_t{0}, size / 2, size - 1})
            EXPECT_EQ(index_nospec(index, size), index);
        for (const std::uint64_t index : {size, size + 1, std::uint64_t{1} << 62})
            EXPECT_EQ(index_nospec(index, size), 0u);
    }
    EXPECT_EQ(index_nospec(std::uint32_t{0xffff'ffff}, 64), 0u);
    EXPECT_EQ(index_nospec(std::uint16_t{63}, 64), 63u);
    EXPECT_EQ(index_nospec(std::uint32_t{0}, 0), 0u);
}

}  // namespace
}  // namespace hv
