#include "hv/x86/dom0/dom0_memory.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "hv/domain/domain.hpp"
#include "hv/domain/domain_frames.hpp"
#include "hv/memory/allocator.hpp"
#include "hv/memory/frame.hpp"
#include "hv/memory/heap.hpp"

namespace hv::x86 {

Dom0Memory::~Dom0Memory() {
    free_pages(list_, order_);
}

Result<> Dom0Memory::populate(Domain& domain, std::uint64_t frames, std::span<const WholePages> pages) {
    order_ = static_cast<unsigned>(std::bit_width((frames * sizeof(std::uint64_t) - 1) / kPageSize));
    list_ = static_cast<std::uint64_t*>(allocate_pages(order_));
    if (!list_) return fail(Error::NoMemory);
    whole_ = pages;
    for (const WholePages& run : pages) {
        TRY(add(domain, run.pfn));
        const Mfn first = frame_of_pointer(run.from);
        TRY(assign_frames(domain, first, run.count));
        for (std::uint64_t i = 0; i < run.count; ++i) {
            list_[count_] = first.raw + i;
            set_m2p(first + i, count_++);
        }
    }
    return add(domain, frames);
}

// Fresh frames.
Result<> Dom0Memory::add(Domain& domain, std::uint64_t up_to) {
    unsigned order = 9;
    while (count_ < up_to) {
        while (std::uint64_t{1} << order > up_to - count_) --order;
        const Result<Mfn> first = allocate_domain_frames(domain, order, 64, false);
        if (!first) {
            if (order == 0) return fail(first.error());
            --order;
            continue;
        }
        for (std::uint64_t i = 0; i < std::uint64_t{1} << order; ++i) {
            list_[count_] = first->raw + i;
            set_m2p(*first + i, count_++);
        }
    }
    return {};
}

void Dom0Memory::clear(std::uint64_t first, std::uint64_t end) {
    for (const WholePages& run : whole_) {
        for (; first < std::min(run.pfn, end); ++first) std::memset(page(first), 0, kPageSize);
        first = std::max(first, run.pfn + run.count);
    }
    for (; first < end; ++first) std::memset(page(first), 0, kPageSize);
}

void* Dom0Memory::page(std::uint64_t pfn) const {
    return frame_pointer(mfn(pfn));
}

void Dom0Memory::write(std::uint64_t to, std::span<const std::byte> data) {
    while (!data.empty()) {
        const std::uint64_t offset = to % kPageSize;
        const std::size_t piece = data.size() < kPageSize - offset ? data.size() : kPageSize - offset;
        std::byte* const target = static_cast<std::byte*>(page(to / kPageSize)) + offset;
        if (target != data.data()) std::memcpy(target, data.data(), piece);
        to += piece;
        data = data.subspan(piece);
    }
}

}  // namespace hv::x86
