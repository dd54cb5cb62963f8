// Page-table entries of PV guests: which bits a guest may set, and what hv makes of them.
#pragma once

#include <cstdint>

#include "hv/x86/paging/entry.hpp"

namespace hv::x86 {

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

// What is really written for an entry of an upper table.
constexpr Pte adjust_upper(Pte entry) {
    return is_present(entry) ? entry | kPteUser : entry;
}

}  // namespace hv::x86
