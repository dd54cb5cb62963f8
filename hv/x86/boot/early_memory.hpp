// Physical memory before the frame allocator exists.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "hv/base/memory_range.hpp"
#include "hv/x86/boot/boot_info.hpp"

namespace hv::x86 {

// From the loader's memory map: what is left when hv's image, the modules and the first MiB are taken out.
void start_early_memory(const BootInfo& info);

// The whole machine's map, sane (memory_map.hpp): what Dom0 gets to see.
const MemoryMap& machine_memory_map();
// One past the last byte of RAM.
std::uint64_t end_of_ram();
// A RAM page below 1 MiB for the other CPUs' first instructions; 0 when the machine has none.
std::uint64_t trampoline_page();

// Zeroed frames of RAM, physical address; below 4 GiB as long as there is any. Panics when memory is out, and after
// take_remaining_memory(). `alignment` is a power of two, at least a page.
std::uint64_t allocate_early(std::size_t bytes, std::size_t alignment = 4096);

// What allocate_early() gave holds firmware data for Dom0: the machine's map shows it as ACPI memory from now on.
void mark_firmware(std::uint64_t physical, std::size_t bytes);

// Ends the early allocator: every free range, for the frame allocator. The modules (boot_info().modules) and hv's image
// are in none of them; modules are the caller's to free when Dom0 is built.
std::span<const MemoryRange> take_remaining_memory();
// The same list at any time, without ending anything.
std::span<const MemoryRange> usable_memory();

}  // namespace hv::x86
