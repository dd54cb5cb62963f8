// Numbers that a guest has chosen and a check has accepted, for processors that go on before the check is done
// (Spectre, variant 1): what they read speculatively with such a number stays within what the check allows.
#pragma once

#include <cstdint>

#include "hv/base/types.hpp"

namespace hv {

// All ones when `index` is below `size`, otherwise 0; without a branch, and the compiler knows nothing of it. Both are
// below 2^63.
inline std::uint64_t mask_if_below(std::uint64_t index, std::uint64_t size) {
    asm("" : "+r"(index));
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(index - size) >> 63);
}

// `index`, which is below `size`; 0 where the processor only guesses that it is.
template <class Index>
inline Index index_nospec(Index index, std::uint64_t size) {
    return static_cast<Index>(static_cast<std::uint64_t>(index) &
                              mask_if_below(static_cast<std::uint64_t>(index), size));
}

template <class Tag, class Raw>
inline Id<Tag, Raw> index_nospec(Id<Tag, Raw> index, std::uint64_t size) {
    return Id<Tag, Raw>{index_nospec(index.raw, size)};
}

}  // namespace hv
