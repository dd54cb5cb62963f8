// Makes a firmware memory map sane, and takes ranges out of it.
#pragma once

#include "hv/base/memory_range.hpp"
#include "hv/x86/boot/boot_info.hpp"

namespace hv::x86 {

using RangeList = FixedList<MemoryRange, 2 * kMaxMemoryMap>;

// Sorted, without overlaps (where entries overlap, the more careful type wins: unusable, NVS, ACPI data, reserved,
// RAM), neighbours of one type merged. Entries that no longer fit are dropped from the top.
MemoryMap sanitise_memory_map(const MemoryMap& map);

// Whole page frames of RAM in a sane map.
RangeList ram_ranges(const MemoryMap& map);

// Takes [hole.start, hole.end), rounded outwards to frames, out of every range.
void exclude(RangeList& ranges, MemoryRange hole);

}  // namespace hv::x86
