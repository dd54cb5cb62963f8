// The libraries' packers, with all that changes the shape of their output.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "tests/unit/decompress/samples.hpp"

namespace packers {

using samples::Bytes;

struct GzipOptions {
    int level = 6;
    int strategy = 0;  // zlib's Z_FIXED and so on
    bool all_header_fields = false;
};
Bytes gzip(std::span<const std::byte> bytes, const GzipOptions& options = {});

struct XzOptions {
    std::uint32_t preset = 6;
    int check = 1;  // LZMA_CHECK_*
    bool x86 = true;
    std::uint32_t x86_start = 0;
    std::uint32_t lc = 3, lp = 0, pb = 2;
    std::size_t block = 0;                                     // bytes per block; 0: one block
    std::optional<std::uint64_t> other_filter = std::nullopt;  // in place of x86
};
Bytes xz(std::span<const std::byte> bytes, const XzOptions& options = {});

struct ZstdOptions {
    int level = 3;
    bool sum = true;
    bool size = true;
    std::size_t block = 0;  // flushed after so many bytes
    bool plain_literals = false;
};
Bytes zstd(std::span<const std::byte> bytes, const ZstdOptions& options = {});

}  // namespace packers
