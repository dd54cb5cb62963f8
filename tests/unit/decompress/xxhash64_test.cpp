#include "hv/base/decompress/xxhash64.hpp"

#include <gtest/gtest.h>

#include <string_view>

namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span{text});
}

TEST(Xxhash64, KnownValues) {
    EXPECT_EQ(hv::xxhash64({}), 0xef46'db37'51d8'e999u);
    EXPECT_EQ(hv::xxhash64(bytes_of("abc")), 0x44bc'2cf5'ad77'0999u);
}

}  // namespace
