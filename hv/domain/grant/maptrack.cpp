#include "hv/domain/grant/maptrack.hpp"

#include <algorithm>

#include "hv/base/nospec.hpp"
#include "hv/machine/preemption.hpp"

namespace hv {

void Maptrack::init(std::uint32_t vcpus, std::uint32_t max_frames) {
    // Handles of more pages than this would not fit; no guest needs half a million mappings' worth.
    constexpr std::uint32_t kMostFrames = 65536;
    vcpus_ = vcpus;
    max_pages_ = std::min(max_frames == 0 ? kDefaultMaxFrames : max_frames, kMostFrames);
}

Maptrack::~Maptrack() {
    if (std::atomic<Page*>* pages = pages_.load(std::memory_order_relaxed)) {
        for (std::uint32_t i = 0; i < pages_used_.load(std::memory_order_relaxed); ++i)
            delete pages[i].load(std::memory_order_relaxed);
        delete[] pages;
    }
    delete[] lists_.load(std::memory_order_relaxed);
}

Result<> Maptrack::release() {
    for (std::uint32_t left = pages_used_.load(std::memory_order_relaxed); left > 0; --left) {
        pages_used_.store(left - 1, std::memory_order_release);
        delete pages_.load(std::memory_order_relaxed)[left - 1].load(std::memory_order_relaxed);
        if (left > 1 && preemption_needed()) return fail(Error::Restart);
    }
    return {};
}

GrantMapping* Maptrack::find(GrantHandle handle) const {
    if (handle >= capacity()) return nullptr;
    handle = index_nospec(handle, capacity());
    Page* page = pages_.load(std::memory_order_acquire)[handle / kPerPage].load(std::memory_order_acquire);
    return &page->entries[handle % kPerPage];
}

GrantHandle Maptrack::pop(FreeList& list) {
    Guard guard{list.lock};
    const GrantHandle handle = list.head;
    if (handle != kEnd) list.head = find(handle)->number.load(std::memory_order_relaxed);
    return handle;
}

// grow_lock_ is held, as for grow(). Most domains never map anything: the lists come with the first mapping.
Result<> Maptrack::start() {
    if (lists_.load(std::memory_order_relaxed)) return {};
    auto* pages = new (std::nothrow) std::atomic<Page*>[max_pages_];
    FreeList* lists = new (std::nothrow) FreeList[vcpus_];
    if (!pages || !lists) {
        delete[] pages;
        delete[] lists;
        return fail(Error::NoMemory);
    }
    pages_.store(pages, std::memory_order_release);
    lists_.store(lists, std::memory_order_release);
    return {};
}

Result<> Maptrack::grow(VcpuId vcpu) {
    const std::uint32_t number = pages_used_.load(std::memory_order_relaxed);
    if (number >= max_pages_) return fail(Error::NoSpace);
    Page* page = new (std::nothrow) Page{};
    if (!page) return fail(Error::NoMemory);
    const GrantHandle first = number * kPerPage;
    for (std::uint32_t i = 0; i < kPerPage; ++i)
        page->entries[i].number.store(first + i + 1, std::memory_order_relaxed);
    pages_.load(std::memory_order_relaxed)[number].store(page, std::memory_order_release);
    pages_used_.store(number + 1, std::memory_order_release);

    FreeList& list = lists_.load(std::memory_order_relaxed)[vcpu.raw];
    Guard guard{list.lock};
    page->entries[kPerPage - 1].number.store(list.head, std::memory_order_relaxed);
    list.head = first;
    return {};
}

Result<GrantHandle> Maptrack::take(VcpuId vcpu) {
    if (FreeList* lists = lists_.load(std::memory_order_acquire)) {
        if (const GrantHandle handle = pop(lists[vcpu.raw]); handle != kEnd) return handle;
    }
    Guard guard{grow_lock_};
    TRY(start());
    FreeList* lists = lists_.load(std::memory_order_relaxed);
    const Result<> grown = grow(vcpu);
    if (grown) {
        if (const GrantHandle handle = pop(lists[vcpu.raw]); handle != kEnd) return handle;
    }
    // No more pages: what other vCPUs have left will do.
    for (VcpuId other : ids<VcpuId>(vcpus_)) {
        if (const GrantHandle handle = pop(lists[other.raw]); handle != kEnd) return handle;
    }
    return fail(grown ? Error::NoSpace : grown.error());
}

void Maptrack::give_back(VcpuId vcpu, GrantHandle handle) {
    GrantMapping& mapping = *find(handle);
    FreeList& list = lists_.load(std::memory_order_relaxed)[vcpu.raw];
    Guard guard{list.lock};
    mapping.flags.store(0, std::memory_order_relaxed);
    mapping.number.store(list.head, std::memory_order_relaxed);
    list.head = handle;
}

}  // namespace hv
