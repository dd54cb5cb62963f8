// Which pages of the kernel lie in its file just as they shall lie in memory: these can become Dom0's without a copy.
#include "hv/x86/dom0/kernel_image.hpp"

namespace hv::x86 {
namespace {

constexpr std::uint64_t page_after(std::uint64_t address) {
    return (address + kPageSize - 1) / kPageSize;
}

}  // namespace

WholePagesOfSegments whole_pages(const KernelImage& kernel) {
    WholePagesOfSegments pages;
    std::uint64_t next_pfn = 0;
    const std::byte* next_from = nullptr;
    for (std::size_t i = 0; i < kernel.segment_count; ++i) {
        const KernelSegment& segment = kernel.segments[i];
        const std::uint64_t start = segment.virtual_address - kernel.virt_base, end = start + segment.data.size();
        const std::uint64_t pfn = page_after(start), end_pfn = end / kPageSize;
        if (pfn >= end_pfn) continue;
        const std::byte* const from = segment.data.data() + (pfn * kPageSize - start);
        if (reinterpret_cast<std::uintptr_t>(from) % kPageSize != 0 || pfn < next_pfn || from < next_from) continue;
        pages.runs[pages.count++] = {pfn, end_pfn - pfn, from};
        next_pfn = end_pfn;
        next_from = from + (end_pfn - pfn) * kPageSize;
    }
    return pages;
}

}  // namespace hv::x86
