// The start-of-day layout of a 64-bit PV guest (xen/xen.h, "Start-of-day memory layout"): pure arithmetic.
#pragma once

#include <cstdint>
#include <optional>

#include "hvctl/kernel_image.hpp"
#include "hvctl/types.hpp"

namespace hvctl {

struct FrameRange {
    Pfn first;
    std::uint64_t count = 0;
    [[nodiscard]] Pfn end() const { return first + count; }
};

// A virtual range mapped page by page to consecutive pfns.
struct MappedRange {
    std::uint64_t address = 0;
    FrameRange frames;
};

// How many tables of each level a set of mappings takes.
struct PageTableCounts {
    std::uint64_t l1 = 0, l2 = 0, l3 = 0, l4 = 1;
    [[nodiscard]] std::uint64_t total() const { return l1 + l2 + l3 + l4; }
};

// Everything is page-aligned. Within `initial` the address of pfn p is virt_base + p * 4096.
struct PvLayout {
    std::uint64_t virt_base = 0;
    std::uint64_t paddr_offset = 0;
    std::uint64_t entry = 0;
    FrameRange kernel;          // from the first segment's first to the last segment's last frame
    FrameRange initrd;          // count 0 without one
    bool initrd_mapped = true;  // else only its pfn is known to the guest
    FrameRange p2m;
    std::uint64_t p2m_address = 0;
    bool p2m_in_initial = true;  // else it has a mapping of its own
    Pfn start_info, store, console;
    FrameRange page_tables;  // the L4 first
    PageTableCounts tables;
    Pfn stack;
    MappedRange initial;  // from virt_base, ends 4 MiB-aligned with at least 512 KiB to spare
    std::optional<Pfn> hypercall_page;

    [[nodiscard]] std::uint64_t address_of(Pfn pfn) const { return virt_base + (pfn.raw << kPageShift); }
};

// Lays `kernel` out in a domain of `pages` frames. NotBootable: not a 64-bit PV kernel, or its notes contradict its
// segments; TooLarge: the message has what is needed and what there is.
Result<PvLayout> plan_pv_layout(const KernelImage& kernel, std::uint64_t initrd_bytes, std::uint64_t pages);

// The smallest domain, in frames, that this kernel and initrd fit into.
Result<std::uint64_t> least_pages(const KernelImage& kernel, std::uint64_t initrd_bytes);

// Where a segment's p_paddr lies in the pseudo-physical space.
std::uint64_t pseudo_physical(const PvLayout& layout, const KernelSegment& segment);

PageTableCounts count_page_tables(const MappedRange& initial, const std::optional<MappedRange>& p2m);

}  // namespace hvctl
