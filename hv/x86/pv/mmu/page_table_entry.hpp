// Page-table entries of PV guests (Intel SDM volume 3, "4-Level Paging"): bits, and which of them a guest may set.
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

// A guest's kernel runs in ring 3, too: every present entry gets the user bit; entries that the guest meant for its
// kernel alone are marked so that they can be told apart. Only the guest's kernel page tables hold them.
inline constexpr Pte kPteGuestKernel = std::uint64_t{1} << 52;

// An entry with none of these caches in the usual way (write-back).
inline constexpr Pte kCacheBits = kPteWriteThrough | kPteCacheDisable | kPtePat;

// Only domains with I/O resources may set kCacheBits (entry_references.hpp).
inline constexpr Pte kAllowedL1 = kPtePresent | kPteWritable | kPteUser | kPteWriteThrough | kPteCacheDisable |
                                  kPteAccessed | kPteDirty | kPtePat | kPteGlobal | kPteAvailable | kPteHighAvailable |
                                  kPteNoExecute | kPteFrameMask;
// Bits that software may use freely stay available in all levels; a large page is not on offer, nor tables that are
// read past the caches: what hv validates is what the caches have.
inline constexpr Pte kAllowedUpper = kPtePresent | kPteWritable | kPteUser | kPteAccessed | kPteDirty | kPteAvailable |
                                     kPteHighAvailable | kPteNoExecute | kPteFrameMask;

constexpr bool is_present(Pte entry) {
    return entry & kPtePresent;
}
constexpr Mfn frame_in(Pte entry) {
    return {(entry & kPteFrameMask) >> kPageShift};
}
constexpr Pte make_pte(Mfn frame, Pte flags) {
    return (frame.raw << kPageShift) | flags;
}

// What is really written for an entry of an upper table.
constexpr Pte adjust_upper(Pte entry) {
    return is_present(entry) ? entry | kPteUser : entry;
}

constexpr unsigned index_in_l4(std::uint64_t address) {
    return (address >> 39) & 511;
}
constexpr unsigned index_in_l3(std::uint64_t address) {
    return (address >> 30) & 511;
}
constexpr unsigned index_in_l2(std::uint64_t address) {
    return (address >> 21) & 511;
}
constexpr unsigned index_in_l1(std::uint64_t address) {
    return (address >> 12) & 511;
}

}  // namespace hv::x86
