#include "hv/x86/dom0/dom0_layout.hpp"

namespace hv::x86 {
namespace {

constexpr std::uint64_t pages(std::uint64_t bytes) {
    return (bytes + kPageSize - 1) >> kPageShift;
}

// How many tables of the level that covers 2^shift bytes per table a virtual range needs.
constexpr std::uint64_t tables_for(std::uint64_t start, std::uint64_t end, unsigned shift) {
    return ((end - 1) >> shift) - (start >> shift) + 1;
}

constexpr std::uint64_t kSlack = 512 * 1024;             // the ABI promises this much after the stack
constexpr std::uint64_t kMappingUnit = 4 * 1024 * 1024;  // and that the mapping ends at such a boundary

}  // namespace

Result<Dom0Layout> plan_layout(const KernelImage& kernel, std::uint64_t initrd_bytes, std::uint64_t frames) {
    Dom0Layout layout{};
    layout.virt_base = kernel.virt_base;
    layout.initrd_bytes = initrd_bytes;
    layout.p2m_frames = pages(frames * sizeof(std::uint64_t));
    std::uint64_t next = pages(kernel.end - kernel.virt_base);
    const bool initrd_mapped = initrd_bytes != 0 && !kernel.initrd_by_frame;
    if (initrd_mapped) {
        layout.initrd_pfn = next;
        next += pages(initrd_bytes);
    }
    if (!kernel.init_p2m) {
        layout.p2m_pfn = next;
        next += layout.p2m_frames;
    }
    layout.start_info_pfn = next++;
    layout.tables_pfn = next;
    // The tables map themselves too: their number and the end of the mapping depend on each other.
    for (std::uint64_t tables = 4;; ++tables) {
        const std::uint64_t needed_end = layout.virtual_of(layout.tables_pfn + tables + 1) + kSlack;
        const std::uint64_t end = (needed_end + kMappingUnit - 1) & ~(kMappingUnit - 1);
        if (end <= layout.virt_base && end != 0) return fail(Error::NoMemory);
        const std::uint64_t needed = 1 + tables_for(layout.virt_base, end, 39) + tables_for(layout.virt_base, end, 30) +
                                     tables_for(layout.virt_base, end, 21);
        if (needed > tables) continue;
        layout.tables = tables;
        layout.stack_pfn = layout.tables_pfn + tables;
        layout.mapped_frames = (end - layout.virt_base) >> kPageShift;
        break;
    }
    next = layout.mapped_frames;
    if (kernel.init_p2m) {
        layout.p2m_pfn = next;
        next += layout.p2m_frames;
        layout.p2m_tables_pfn = next;
        const std::uint64_t end = *kernel.init_p2m + (layout.p2m_frames << kPageShift);
        layout.p2m_tables = tables_for(*kernel.init_p2m, end, 39) + tables_for(*kernel.init_p2m, end, 30) +
                            tables_for(*kernel.init_p2m, end, 21);
        next += layout.p2m_tables;
    }
    if (initrd_bytes != 0 && kernel.initrd_by_frame) {
        layout.initrd_pfn = next;
        next += pages(initrd_bytes);
    }
    layout.used_frames = next;
    if (next > frames) return fail(Error::NoMemory);
    return layout;
}

}  // namespace hv::x86
