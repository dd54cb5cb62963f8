// Zstd's Huffman code for literals (RFC 8878, 4.2).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "hv/base/byte_reader.hpp"
#include "hv/base/decompress/zstd_fse.hpp"
#include "hv/base/result.hpp"

namespace hv::zstd {

class HuffmanTable {
  public:
    // From the tree description at the input's position.
    Result<> read(ByteReader& input);

    // Fills `out` from one stream, which has to end with it.
    Result<> decode(std::span<const std::byte> stream, std::span<std::uint8_t> out) const;

  private:
    static constexpr unsigned kMaxBits = 11;
    static constexpr std::size_t kMaxSymbols = 256;

    Result<std::size_t> read_weights(ByteReader& input);
    Result<std::size_t> read_packed_weights(std::span<const std::byte> packed);
    Result<> build(std::size_t weight_count);

    struct Entry {
        std::uint8_t symbol, bits;
    };

    unsigned log_;
    std::uint8_t weights_[kMaxSymbols];  // 0: not in use; else the more, the shorter the code
    Entry entries_[1 << kMaxBits];
    FseTable weight_table_;
};

}  // namespace hv::zstd
