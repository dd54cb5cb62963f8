// What LZMA learns while it decodes: the probabilities of every kind of bit.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>

#include "hv/base/decompress/lzma_range_decoder.hpp"

namespace hv::lzma {

inline constexpr unsigned kStates = 12;
inline constexpr unsigned kMaxPositionStates = 16;
inline constexpr unsigned kMinMatch = 2;
inline constexpr unsigned kLengthClasses = 4;     // distances are coded differently for lengths 2, 3, 4, more
inline constexpr unsigned kFirstModelSlot = 4;    // slots below are the distance itself
inline constexpr unsigned kFirstDirectSlot = 14;  // from here on: bits without a model, then kAlignBits with one
inline constexpr unsigned kAlignBits = 4;
inline constexpr unsigned kFullDistances = 1 << (kFirstDirectSlot / 2);
inline constexpr unsigned kLiteralModels = 0x300;  // 256 for plain literals, 512 for those after a match
inline constexpr unsigned kMaxLiteralBits = 4;     // LZMA2's limit for lc + lp

struct LengthModel {
    Probability above_low;
    Probability above_mid;
    Probability low[kMaxPositionStates][8];
    Probability mid[kMaxPositionStates][8];
    Probability high[256];
};

struct Model {
    Probability is_match[kStates][kMaxPositionStates];
    Probability is_repeat[kStates];
    Probability is_older[kStates];        // not the latest distance
    Probability is_older_still[kStates];  // nor the one before
    Probability is_oldest[kStates];
    Probability is_long[kStates][kMaxPositionStates];  // the latest distance again, for more than one byte
    LengthModel match_length;
    LengthModel repeat_length;
    Probability slot[kLengthClasses][64];
    Probability low_distance[kFullDistances];
    Probability align[1 << kAlignBits];
    Probability literal[kLiteralModels << kMaxLiteralBits];

    // This struct is an array of probabilities.
    void reset() {
        static_assert(sizeof(Model) % sizeof(Probability) == 0 && alignof(Model) == alignof(Probability));
        auto* first = reinterpret_cast<Probability*>(this);
        std::fill(first, first + sizeof(Model) / sizeof(Probability), kEven);
    }
};

}  // namespace hv::lzma
