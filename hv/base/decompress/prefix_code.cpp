#include "hv/base/decompress/prefix_code.hpp"

#include <cstring>

namespace hv {
namespace {

// Codes are packed from their top bit on, all else from the lowest.
constexpr std::uint32_t reversed(std::uint32_t code, unsigned length) {
    std::uint32_t result = 0;
    for (; length != 0; --length, code >>= 1) result = result << 1 | (code & 1);
    return result;
}

}  // namespace

Result<> PrefixCode::build(std::span<const std::uint8_t> lengths) {
    std::uint16_t count[kMaxLength + 1] = {};
    for (const std::uint8_t length : lengths) ++count[length];
    count[0] = 0;
    std::uint32_t code = 0, place = 0;
    std::uint32_t next[kMaxLength + 1] = {};
    for (unsigned length = 1; length <= kMaxLength; ++length) {
        code = code << 1;
        next[length] = code;
        place_[length] = static_cast<std::int32_t>(place) - static_cast<std::int32_t>(code);
        code += count[length];
        place += count[length];
        end_[length] = code;
        if (code > std::uint32_t{1} << length) return fail(Error::BadArgument);
    }
    std::memset(table_, 0, sizeof table_);
    for (std::size_t symbol = 0; symbol < lengths.size(); ++symbol) {
        const unsigned length = lengths[symbol];
        if (length == 0) continue;
        const std::uint32_t own = next[length]++;
        symbols_[static_cast<std::int32_t>(own) + place_[length]] = static_cast<std::uint16_t>(symbol);
        if (length > kTableBits) continue;
        const auto entry = static_cast<std::uint16_t>(symbol << 4 | length);
        for (std::uint32_t index = reversed(own, length); index < std::size(table_); index += 1u << length)
            table_[index] = entry;
    }
    return {};
}

std::uint32_t PrefixCode::decode_long(BitReader& reader) const {
    const std::uint32_t bits = reversed(reader.peek(kMaxLength), kMaxLength);
    for (unsigned length = kTableBits + 1; length <= kMaxLength; ++length) {
        const std::uint32_t code = bits >> (kMaxLength - length);
        if (code >= end_[length]) continue;
        const std::int32_t place = static_cast<std::int32_t>(code) + place_[length];
        if (place < 0 || static_cast<std::size_t>(place) >= kMaxSymbols) return kNoSymbol;
        reader.drop(length);
        return symbols_[place];
    }
    return kNoSymbol;
}

}  // namespace hv
