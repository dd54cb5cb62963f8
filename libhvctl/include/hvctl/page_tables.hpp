// The bootstrap page tables of a 64-bit PV guest.
#pragma once

#include "hvctl/domain_memory.hpp"
#include "hvctl/pv_layout.hpp"

namespace hvctl {

// Bits of an x86-64 page-table entry.
inline constexpr std::uint64_t kPtePresent = 1u << 0;
inline constexpr std::uint64_t kPteWritable = 1u << 1;
inline constexpr std::uint64_t kPteUser = 1u << 2;
inline constexpr std::uint64_t kPteAccessed = 1u << 5;
inline constexpr std::uint64_t kPteDirty = 1u << 6;
inline constexpr std::uint64_t kPteFrameMask = 0x000f'ffff'ffff'f000;

// Writes all tables of `layout` into the frames set aside for them: the initial region, and the p2m where it has a
// region of its own. Tables are mapped read-only, everything else writable. The L4 is the first frame.
Result<void> write_page_tables(const PvLayout& layout, DomainMemory& memory);

}  // namespace hvctl
