// Deflate (RFC 1951), decompression only.
#pragma once

#include <cstddef>
#include <span>

#include "hv/base/result.hpp"

namespace hv {

struct Inflated {
    std::size_t written;
    std::span<const std::byte> rest;  // of the input
};

// `out` is window and output in one.
Result<Inflated> inflate(std::span<const std::byte> packed, std::span<std::byte> out);

}  // namespace hv
