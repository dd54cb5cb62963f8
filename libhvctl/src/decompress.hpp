// Decompression of kernel images, bounded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "hvctl/file_descriptor.hpp"
#include "hvctl/result.hpp"

namespace hvctl {

enum class Compression : std::uint8_t { None, Gzip, Bzip2, Lzma, Xz, Lzo, Lz4, Zstd };

std::string_view name_of(Compression compression);

// By the first bytes.
Compression compression_of(std::span<const std::byte> data);

// Decompresses into memory of exactly the size of the result. TooLarge when that is more than `limit` bytes.
Result<Mapping> decompress(Compression compression, std::span<const std::byte> data, std::uint64_t limit);

// The "lzop" container of LZO1X; into `output`, returns the bytes written.
Result<std::size_t> decompress_lzop(std::span<const std::byte> data, std::span<std::byte> output);

}  // namespace hvctl
