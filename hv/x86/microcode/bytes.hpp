// Little-endian numbers in an untrusted file, at any offset, never past its end.
#pragma once

#include <cstddef>
#include <span>

#include "hv/base/unaligned.hpp"

namespace hv::x86 {

using Bytes = std::span<const std::byte>;

constexpr bool holds(Bytes bytes, std::size_t offset, std::size_t size) {
    return offset <= bytes.size() && size <= bytes.size() - offset;
}

// The caller has asked holds().
template <class Number>
Number number_at(Bytes bytes, std::size_t offset) {
    return load_word<Number>(bytes.subspan(offset, sizeof(Number)).data());
}

}  // namespace hv::x86
