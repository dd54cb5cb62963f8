// Numbers in a file that nobody vouches for: little-endian, at any offset, never behind its end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace hv::x86 {

using Bytes = std::span<const std::byte>;

constexpr bool holds(Bytes bytes, std::size_t offset, std::size_t size) {
    return offset <= bytes.size() && size <= bytes.size() - offset;
}

// The caller has asked holds().
template <class Number>
constexpr Number number_at(Bytes bytes, std::size_t offset) {
    Number value = 0;
    for (std::size_t i = 0; i < sizeof(Number); ++i)
        value = static_cast<Number>(value | static_cast<Number>(bytes[offset + i]) << (8 * i));
    return value;
}

}  // namespace hv::x86
