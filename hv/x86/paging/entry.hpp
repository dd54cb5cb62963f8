// Entries of the processor's page tables (Intel SDM volume 3, "4-Level Paging"): hv's own and those of PV guests, which
// it runs on too.
#pragma once

#include <cstdint>

#include "hv/base/types.hpp"

namespace hv::x86 {

using Pte = std::uint64_t;

inline constexpr Pte kPtePresent = 1u << 0;
inline constexpr Pte kPteWritable = 1u << 1;
inline constexpr Pte kPteUser = 1u << 2;
inline constexpr Pte kPteWriteThrough = 1u << 3;
inline constexpr Pte kPteCacheDisable = 1u << 4;
inline constexpr Pte kPteAccessed = 1u << 5;
inline constexpr Pte kPteDirty = 1u << 6;
inline constexpr Pte kPteLarge = 1u << 7;  // in L2 and L3; PAT in L1
inline constexpr Pte kPtePat = 1u << 7;
inline constexpr Pte kPteGlobal = 1u << 8;
inline constexpr Pte kPteAvailable = 7u << 9;
inline constexpr Pte kPteHighAvailable = std::uint64_t{0x7ff} << 52;
inline constexpr Pte kPteNoExecute = std::uint64_t{1} << 63;
inline constexpr Pte kPteFrameMask = 0x000f'ffff'ffff'f000;

inline constexpr unsigned kEntriesPerTable = 512;
inline constexpr unsigned kTableLevels = 4;

constexpr bool is_present(Pte entry) {
    return entry & kPtePresent;
}
constexpr Mfn frame_in(Pte entry) {
    return {(entry & kPteFrameMask) >> kPageShift};
}
constexpr Pte make_pte(Mfn frame, Pte flags) {
    return (frame.raw << kPageShift) | flags;
}

// What an entry of a table of `level`, 1 to 4, is about: so many bytes.
constexpr std::uint64_t bytes_per_entry(unsigned level) {
    return std::uint64_t{kPageSize} << (9 * (level - 1));
}
constexpr unsigned index_in(unsigned level, std::uint64_t address) {
    return static_cast<unsigned>(address / bytes_per_entry(level)) % kEntriesPerTable;
}

}  // namespace hv::x86
