// The literals of a zstd block (RFC 8878, 3.1.1.3.1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "hv/base/byte_reader.hpp"
#include "hv/base/decompress/zstd_huffman.hpp"
#include "hv/base/result.hpp"

namespace hv::zstd {

inline constexpr std::size_t kMaxBlock = std::size_t{128} << 10;

class Literals {
  public:
    // Of the block at the input's position: in the input itself, or in a buffer that the next call overwrites.
    Result<std::span<const std::uint8_t>> read(ByteReader& input);

    void new_frame() { has_table_ = false; }

  private:
    Result<> decode_streams(ByteReader input, std::span<std::uint8_t> out) const;

    bool has_table_ = false;
    HuffmanTable table_;
    std::uint8_t buffer_[kMaxBlock];
};

}  // namespace hv::zstd
