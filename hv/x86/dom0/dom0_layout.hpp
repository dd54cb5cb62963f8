// Where everything of Dom0's start of day lies. In pseudo-physical order:
//
//   mapped at virt_base:  kernel, [initrd], [phys-to-machine list], start info, page tables, stack, padding to 4 MiB
//   not mapped:           [phys-to-machine list and the tables that map it at init_p2m], [initrd]
//
// The list and the initrd move to the second part when the kernel says that it can do with that.
#pragma once

#include <cstdint>

#include "hv/base/result.hpp"
#include "hv/base/types.hpp"
#include "hv/x86/dom0/kernel_image.hpp"

namespace hv::x86 {

struct Dom0Layout {
    std::uint64_t virt_base;
    std::uint64_t initrd_pfn, initrd_bytes;
    std::uint64_t p2m_pfn, p2m_frames;         // the list itself
    std::uint64_t p2m_tables_pfn, p2m_tables;  // tables for it, when it lies at init_p2m
    std::uint64_t start_info_pfn;
    std::uint64_t tables_pfn, tables;  // the first is the L4
    std::uint64_t stack_pfn;
    std::uint64_t mapped_frames;  // from pfn 0 on, at virt_base
    std::uint64_t used_frames;

    std::uint64_t virtual_of(std::uint64_t pfn) const { return virt_base + (pfn << kPageShift); }
};

// Error::NoMemory when it does not fit into `frames`.
Result<Dom0Layout> plan_layout(const KernelImage& kernel, std::uint64_t initrd_bytes, std::uint64_t frames);

}  // namespace hv::x86
