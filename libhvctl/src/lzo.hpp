// LZO1X, decompression only. Written from the format's description (Linux, Documentation/staging/lzo.rst), since the
// reference library's licence does not suit every program that links this one.
#pragma once

#include <cstddef>
#include <span>

#include "hvctl/result.hpp"

namespace hvctl {

// Decompresses one LZO1X stream that fills `output` exactly.
Result<void> decompress_lzo1x(std::span<const std::byte> input, std::span<std::byte> output);

}  // namespace hvctl
