// hv's own page tables: the level 4 table that runs when no guest does, whose hv slots every guest's table copies. All
// level 3 tables of those slots exist from the start, so that a later mapping shows up in every copy.
#pragma once

#include <cstddef>
#include <cstdint>

#include "hv/base/result.hpp"
#include "hv/base/types.hpp"

namespace hv::x86 {

enum PageFlags : std::uint32_t {
    kMapWritable = 1u << 0,
    kMapExecutable = 1u << 1,
    kMapUser = 1u << 2,      // visible to guests (the machine-to-phys table)
    kMapUncached = 1u << 3,  // device registers
    kMapNotGlobal = 1u << 4,
};

// Builds and loads them; from here on nothing below hv's hole is mapped. Needs the early allocator and cpu features.
void start_paging();

// Physical address of the level 4 table.
std::uint64_t hv_root();
MachineAddress hv_page_table();  // the same
// The entry of one of its slots, kFirstHvSlot .. kLastHvSlot.
std::uint64_t hv_root_entry(unsigned slot);

// Maps [virtual_address, + size) in hv's hole with the largest pages that alignment allows; nothing may be mapped there
// yet. All page-aligned. Error::NoMemory: no frame for a table.
Result<> map_hv(std::uint64_t virtual_address, std::uint64_t physical, std::uint64_t size, std::uint32_t flags);

// Device registers or firmware tables anywhere in physical memory. There is no way back; the space is 1 GiB.
Result<void*> map_device(std::uint64_t physical, std::size_t size, std::uint32_t flags = kMapWritable | kMapUncached);

// After the early allocator's end: the function that gives zeroed frames (direct-map pointers) for tables; null means
// none left.
void set_table_page_source(void* (*source)());

// The physical address of a virtual one in hv's hole; false when nothing is mapped.
bool translate_hv(std::uint64_t virtual_address, std::uint64_t& physical);

}  // namespace hv::x86
