// What XENMEM_* tells about the machine's memory.
#pragma once

#include <cstdint>

#include "hv/abi/xen/memory.hpp"

namespace hv {

// The machine's memory map as Dom0 sees it: entry `index`; false past the end.
bool machine_memory_map(std::uint32_t index, abi::xen::E820Entry& entry);
// Where guests find the machine-to-phys table.
abi::xen::MachphysMapping machphys_mapping();
// The frames that hold 2 MiB pieces of that table, for tools; false past the end.
bool machphys_frame(std::uint32_t index, std::uint64_t& mfn);

}  // namespace hv
