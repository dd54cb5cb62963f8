// A canonical prefix code of deflate (RFC 1951, 3.2.2): codes of up to 15 bits, given by their lengths alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "hv/base/decompress/bit_reader.hpp"
#include "hv/base/result.hpp"

namespace hv {

class PrefixCode {
  public:
    static constexpr unsigned kMaxLength = 15;
    static constexpr std::size_t kMaxSymbols = 288;
    static constexpr std::uint32_t kNoSymbol = 0xffff;

    // lengths[symbol]: bits of its code, 0 if it has none. Refuses more codes than there can be; too few are accepted,
    // since deflate allows that for distances, and those that are missing decode as kNoSymbol.
    Result<> build(std::span<const std::uint8_t> lengths);

    // Needs kMaxLength bits in `reader`.
    [[gnu::always_inline]] std::uint32_t decode(BitReader& reader) const {
        const std::uint16_t entry = table_[reader.peek(kTableBits)];
        if (entry == 0) [[unlikely]]
            return decode_long(reader);
        reader.drop(entry & 15);
        return entry >> 4;
    }

  private:
    static constexpr unsigned kTableBits = 10;

    std::uint32_t decode_long(BitReader& reader) const;

    // By the next bits: symbol * 16 + length, or 0 where the code is longer than the table's index.
    std::uint16_t table_[1 << kTableBits];
    // Codes of one length are consecutive numbers, as are the places of their symbols in `symbols_`.
    std::uint32_t end_[kMaxLength + 1];   // the number past the last code of this length
    std::int32_t place_[kMaxLength + 1];  // what is to be added to a code
    std::uint16_t symbols_[kMaxSymbols];
};

}  // namespace hv
