// What all formats have to do.
#pragma once

#include <gtest/gtest.h>

#include "tests/unit/decompress/unpacking.hpp"

namespace round_trip {

// The exact room, more of it, and data past the end.
inline void expect(const samples::Bytes& packed, const samples::Bytes& bytes) {
    EXPECT_EQ(unpacking::unpack(packed, bytes.size()), bytes);
    EXPECT_EQ(unpacking::unpack(packed, bytes.size() + 100), bytes);
    samples::Bytes longer = packed;
    for (int count = 0; count < 5; ++count) longer.push_back(std::byte{0xa5});
    EXPECT_EQ(unpacking::unpack(longer, bytes.size()), bytes);
}

}  // namespace round_trip
