// Each CPU has a window of 16 pages for the GDT and one of 16 for the LDT of the vCPU that it runs.
#pragma once

#include "hv/abi/xen/layout.hpp"
#include "hv/memory/frame.hpp"
#include "hv/x86/pv/mmu/page_table_entry.hpp"

namespace hv::x86 {

inline constexpr unsigned kWindowPages = abi::xen::kGdtPages;
static_assert(kWindowPages == abi::xen::kLdtPages);

// This CPU's window shows `info` in page `page` (the LDT's follow the GDT's), or nothing.
void show_in_window(unsigned page, const FrameInfo* info);

// A page after its windows shows the CPU's TSS. Returns the address of the TSS there.
std::uint64_t show_tss(CpuId cpu);

// The entry of an L2 table at gdt_window() that shows all of this, of this CPU alone.
Pte windows_entry(CpuId cpu);

}  // namespace hv::x86
