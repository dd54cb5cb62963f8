#include "hvctl/pv_layout.hpp"

#include <fmt/format.h>

#include <limits>

#include "hv/abi/xen/layout.hpp"
#include "hvctl/try.hpp"
#include "pv_checks.hpp"

namespace hvctl {

namespace {

constexpr std::uint64_t kPadding = 512 << 10;
constexpr std::uint64_t kRegionAlignment = 4 << 20;
// More than any machine has; keeps the arithmetic below far from overflow.
constexpr std::uint64_t kMaxPages = 1ull << 40;
constexpr std::uint64_t kTopOfAddresses = std::numeric_limits<std::uint64_t>::max();

bool canonical(std::uint64_t address) {
    const std::uint64_t top = address >> 47;
    return top == 0 || top == 0x1ffff;
}

// A run of virtual memory that a guest may have: one canonical half, outside the hypervisor's hole, no wrap.
bool guest_range(std::uint64_t start, std::uint64_t bytes) {
    using namespace hv::abi::xen;
    if (bytes == 0 || bytes - 1 > kTopOfAddresses - start) return false;
    const std::uint64_t last = start + bytes - 1;
    return canonical(start) && canonical(last) && (start >> 63) == (last >> 63) &&
           (last < kHypervisorVirtStart || start >= kHypervisorVirtEnd);
}

Result<void> place_kernel(const KernelImage& kernel, PvLayout& layout) {
    const XenNotes& notes = kernel.notes;
    if (notes.paddr_offset && !notes.virt_base) {
        return fail(ErrorCode::NotBootable,
                    "the kernel's notes have an offset of physical addresses but no virtual base");
    }
    layout.virt_base = notes.virt_base.value_or(0);
    layout.paddr_offset = notes.paddr_offset.value_or(0);
    layout.entry = notes.entry.value_or(kernel.elf_entry);
    if (layout.virt_base % kPageSize != 0) {
        return fail(ErrorCode::NotBootable,
                    fmt::format("the kernel's virtual base {:#x} is not page-aligned", layout.virt_base));
    }
    const KernelSegment& first = kernel.segments.front();
    const KernelSegment& last = kernel.segments.back();
    if (first.physical < layout.paddr_offset) {
        return fail(ErrorCode::NotBootable,
                    fmt::format("the kernel starts at {:#x}, below the offset {:#x} in its notes", first.physical,
                                layout.paddr_offset));
    }
    layout.kernel.first = Pfn{pseudo_physical(layout, first) >> kPageShift};
    const std::uint64_t end = pages_for(pseudo_physical(layout, last) + last.memory_size);
    if (end > kMaxPages) {
        return fail(ErrorCode::TooLarge,
                    fmt::format("the kernel ends at the pseudo-physical address {:#x}: no domain is "
                                "that large",
                                pseudo_physical(layout, last) + last.memory_size));
    }
    layout.kernel.count = end - layout.kernel.first.raw;
    return {};
}

// The pfn that an address of the kernel belongs to.
std::optional<Pfn> kernel_frame(const PvLayout& layout, std::uint64_t address) {
    if (address < layout.virt_base) return std::nullopt;
    const Pfn pfn{(address - layout.virt_base) >> kPageShift};
    if (pfn < layout.kernel.first || pfn >= layout.kernel.end()) return std::nullopt;
    return pfn;
}

Result<void> check_addresses(const KernelImage& kernel, PvLayout& layout) {
    if (!kernel_frame(layout, layout.entry)) {
        return fail(ErrorCode::NotBootable,
                    fmt::format("the kernel's entry {:#x} lies outside of it ({:#x} to {:#x})", layout.entry,
                                layout.address_of(layout.kernel.first), layout.address_of(layout.kernel.end())));
    }
    if (const auto page = kernel.notes.hypercall_page) {
        layout.hypercall_page = kernel_frame(layout, *page);
        if (!layout.hypercall_page || *page % kPageSize != 0) {
            return fail(ErrorCode::NotBootable,
                        fmt::format("the kernel's hypercall page {:#x} is not a page of it", *page));
        }
    }
    return {};
}

// Hands out pfns one after the other.
FrameRange take(Pfn& next, std::uint64_t count) {
    const FrameRange range{next, count};
    next = range.end();
    return range;
}

std::optional<MappedRange> p2m_mapping(const PvLayout& layout) {
    if (layout.p2m_in_initial) return std::nullopt;
    return MappedRange{layout.p2m_address, layout.p2m};
}

// Everything from the page tables on, for a given number of tables.
void place_tables(PvLayout& layout, Pfn next, std::uint64_t tables) {
    layout.page_tables = take(next, tables);
    layout.stack = take(next, 1).first;
    const std::uint64_t used = (next.raw << kPageShift) + kPadding;
    const std::uint64_t into_alignment = layout.virt_base % kRegionAlignment;
    const std::uint64_t bytes =
        (used + into_alignment + kRegionAlignment - 1) / kRegionAlignment * kRegionAlignment - into_alignment;
    layout.initial = {layout.virt_base, {Pfn{0}, bytes >> kPageShift}};
    next = layout.initial.frames.end();
    if (!layout.p2m_in_initial) layout.p2m = take(next, layout.p2m.count);
    if (!layout.initrd_mapped) layout.initrd = take(next, layout.initrd.count);
}

Result<void> check_ranges(const PvLayout& layout) {
    const std::uint64_t initial_bytes = layout.initial.frames.count << kPageShift;
    if (!guest_range(layout.initial.address, initial_bytes)) {
        return fail(ErrorCode::TooLarge,
                    fmt::format("the initial mapping of {} MiB from {:#x} on does not fit into the "
                                "guest's address space",
                                initial_bytes >> 20, layout.initial.address));
    }
    if (layout.p2m_in_initial) return {};
    const std::uint64_t p2m_bytes = layout.p2m.count << kPageShift;
    if (layout.p2m_address % kPageSize != 0 || !guest_range(layout.p2m_address, p2m_bytes)) {
        return fail(ErrorCode::NotBootable, fmt::format("the kernel wants its phys-to-machine list at {:#x}, where {} "
                                                        "bytes cannot be mapped",
                                                        layout.p2m_address, p2m_bytes));
    }
    if (layout.p2m_address <= layout.initial.address + (initial_bytes - 1) &&
        layout.initial.address <= layout.p2m_address + (p2m_bytes - 1)) {
        return fail(ErrorCode::NotBootable,
                    fmt::format("the kernel wants its phys-to-machine list at {:#x}, inside the "
                                "initial mapping",
                                layout.p2m_address));
    }
    return {};
}

// The layout with a list for `pages` frames, whether or not it fits into that many.
Result<PvLayout> plan(const KernelImage& kernel, std::uint64_t initrd_bytes, std::uint64_t pages) {
    TRY(check_pv_kernel(kernel));
    PvLayout layout;
    TRY(place_kernel(kernel, layout));
    TRY(check_addresses(kernel, layout));
    const std::uint64_t initrd_pages = pages_for(initrd_bytes);
    const std::uint64_t p2m_pages = pages_for(pages * sizeof(std::uint64_t));
    layout.initrd_mapped = !kernel.notes.mod_start_pfn;
    layout.p2m_in_initial = !kernel.notes.init_p2m.has_value();
    layout.initrd.count = initrd_pages;
    layout.p2m.count = p2m_pages;

    Pfn next = layout.kernel.end();
    if (layout.initrd_mapped) layout.initrd = take(next, initrd_pages);
    if (layout.p2m_in_initial) layout.p2m = take(next, p2m_pages);
    layout.p2m_address = layout.p2m_in_initial ? layout.address_of(layout.p2m.first) : *kernel.notes.init_p2m;
    layout.start_info = take(next, 1).first;
    layout.store = take(next, 1).first;
    layout.console = take(next, 1).first;

    // The tables map themselves, so their number depends on itself. It only grows, up to the exact one.
    std::uint64_t tables = 0;
    for (;;) {
        place_tables(layout, next, tables);
        TRY(check_ranges(layout));
        layout.tables = count_page_tables(layout.initial, p2m_mapping(layout));
        if (layout.tables.total() == tables) return layout;
        tables = layout.tables.total();
    }
}

std::uint64_t needed_pages(const PvLayout& layout) {
    std::uint64_t end = layout.initial.frames.count;
    if (!layout.p2m_in_initial) end += layout.p2m.count;
    if (!layout.initrd_mapped) end += layout.initrd.count;
    return end;
}

Result<void> check_sizes(std::uint64_t initrd_bytes, std::uint64_t pages) {
    if (pages > 0 && pages <= kMaxPages && initrd_bytes <= kMaxPages) return {};
    return fail(ErrorCode::InvalidArgument,
                fmt::format("a domain of {} pages with an initrd of {} bytes makes no sense", pages, initrd_bytes));
}

}  // namespace

std::uint64_t pseudo_physical(const PvLayout& layout, const KernelSegment& segment) {
    return segment.physical - layout.paddr_offset;
}

Result<PvLayout> plan_pv_layout(const KernelImage& kernel, std::uint64_t initrd_bytes, std::uint64_t pages) {
    TRY(check_sizes(initrd_bytes, pages));
    PvLayout layout = TRY(plan(kernel, initrd_bytes, pages));
    if (needed_pages(layout) <= pages) return layout;
    const std::uint64_t least = TRY(least_pages(kernel, initrd_bytes));
    return fail(ErrorCode::TooLarge,
                fmt::format("larger than the domain's memory: the kernel ({} MiB, up to address {:#x}) and the initrd "
                            "({} MiB) need {} MiB to start, the domain has {} MiB; give it more memory (in its file, "
                            "or with 'hvctl mem-set')",
                            (layout.kernel.count + 255) >> 8, layout.kernel.end().raw << kPageShift,
                            (layout.initrd.count + 255) >> 8, (least + 255) >> 8, pages >> 8));
}

Result<std::uint64_t> least_pages(const KernelImage& kernel, std::uint64_t initrd_bytes) {
    TRY(check_sizes(initrd_bytes, 1));
    // A larger domain has a longer list, which needs a larger domain.
    std::uint64_t pages = 1;
    for (;;) {
        const std::uint64_t needed = needed_pages(TRY(plan(kernel, initrd_bytes, pages)));
        if (needed <= pages) return pages;
        pages = needed;
    }
}

}  // namespace hvctl
