// Unpacking what kernels are packed with. Freestanding, and safe with any input: never reads or writes outside its
// spans.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "hv/base/result.hpp"

namespace hv {

enum class Compression : std::uint8_t { None, Gzip, Xz, Zstd, Lz4, Lzma, Bzip2, Lzo };

// By the first bytes. None: not compressed, or nothing that is known.
Compression compression_of(std::span<const std::byte> packed);

// Bytes written. Trailing data past the end of the stream is allowed. Errors: BadArgument (corrupt, truncated, or
// larger than `out`), NotSupported (a format or a feature of it that is not on offer), NoMemory.
Result<std::size_t> decompress(std::span<const std::byte> packed, std::span<std::byte> out);

Result<std::size_t> decompress_gzip(std::span<const std::byte> packed, std::span<std::byte> out);
Result<std::size_t> decompress_xz(std::span<const std::byte> packed, std::span<std::byte> out);
Result<std::size_t> decompress_zstd(std::span<const std::byte> packed, std::span<std::byte> out);

}  // namespace hv
