// The copy that all LZ formats are made of: bytes that were written before, possibly overlapping what they become.
#pragma once

#include <cstddef>
#include <cstdint>

#include "hv/base/unaligned.hpp"

namespace hv {

// `length` (>= 1) bytes to `to` from `distance` (>= 1) bytes before it. Returns the end of the copy. The caller has
// checked that source and target are inside the buffer; between the target's end and `limit`, bytes may be overwritten
// with anything.
[[gnu::always_inline]] inline std::uint8_t* copy_match(std::uint8_t* to, std::size_t distance, std::size_t length,
                                                       const std::uint8_t* limit) {
    std::uint8_t* const end = to + length;
    if (static_cast<std::size_t>(limit - end) < 8) [[unlikely]] {
        do *to = *(to - distance);
        while (++to != end);
        return end;
    }
    if (distance < 8) {
        std::uint8_t* const bytewise = length < 8 ? end : to + 8;
        do *to = *(to - distance);
        while (++to != bytewise);
        if (to == end) return end;
        // What repeats every `distance` bytes also repeats at a multiple of it, and now there are enough bytes to go
        // back.
        distance *= (7 + distance) / distance;
    }
    do {
        store64(to, load64(to - distance));
        to += 8;
    } while (to < end);
    return end;
}

}  // namespace hv
