#include "hv/memory/heap.hpp"

#include <array>
#include <bit>
#include <cstring>

#include "hv/base/log.hpp"
#include "hv/base/spinlock.hpp"
#include "hv/memory/allocator.hpp"
#include "hv/memory/frame.hpp"

namespace hv {
namespace {

// Objects of up to half a page come from size classes of powers of two; every page holds one class. The class is noted in
// FrameInfo::progress (index plus one), or kWholePages plus the order for larger ones.
constexpr unsigned kSmallestShift = 4;
constexpr unsigned kClasses = 8;  // 16 bytes to 2048 bytes
constexpr std::uint16_t kWholePages = 0x100;

struct FreeObject {
    FreeObject* next;
};

constinit Spinlock g_lock{LockRank::Leaf};
constinit std::array<FreeObject*, kClasses> g_free{};

unsigned class_of(std::size_t bytes) {
    const unsigned shift = static_cast<unsigned>(std::bit_width(bytes - 1));
    return shift <= kSmallestShift ? 0 : shift - kSmallestShift;
}

FrameInfo& info_of(const void* pointer) {
    return frame_info(frame_of_pointer(pointer));
}

bool refill(unsigned size_class) {
    void* page = allocate_page();
    if (!page) return false;
    info_of(page).progress = static_cast<std::uint16_t>(size_class + 1);
    const std::size_t size = std::size_t{1} << (size_class + kSmallestShift);
    Guard guard{g_lock};
    for (std::size_t offset = 0; offset < kPageSize; offset += size) {
        auto* object = reinterpret_cast<FreeObject*>(static_cast<char*>(page) + offset);
        object->next = g_free[size_class];
        g_free[size_class] = object;
    }
    return true;
}

FreeObject* take(unsigned size_class) {
    Guard guard{g_lock};
    FreeObject* object = g_free[size_class];
    if (object) g_free[size_class] = object->next;
    return object;
}

}  // namespace

void* allocate_pages(unsigned order) {
    const Result<Mfn> first = allocate_frames({.order = order});
    if (!first) return nullptr;
    for (std::uint64_t i = 0; i < std::uint64_t{1} << order; ++i) {
        // No reference: nobody can get one, so that not even Dom0 maps hv's own memory.
        frame_info(*first + i).count.store(std::uint64_t{kOwnerHv} << FrameInfo::kOwnerShift);
    }
    return frame_pointer(*first);
}

void free_pages(void* pages, unsigned order) {
    if (pages) free_frames(frame_of_pointer(pages), order);
}

void* heap_allocate(std::size_t bytes) {
    if (bytes == 0) bytes = 1;
    if (bytes > kPageSize / 2) {
        const std::size_t pages = (bytes + kPageSize - 1) / kPageSize;
        const unsigned order = static_cast<unsigned>(std::bit_width(pages - 1));
        void* block = allocate_pages(order);
        if (block) info_of(block).progress = static_cast<std::uint16_t>(kWholePages + order);
        return block;
    }
    const unsigned size_class = class_of(bytes);
    FreeObject* object = take(size_class);
    while (!object) {
        if (!refill(size_class)) return nullptr;
        object = take(size_class);
    }
    std::memset(static_cast<void*>(object), 0, std::size_t{1} << (size_class + kSmallestShift));
    return object;
}

void heap_free(void* pointer) {
    if (!pointer) return;
    const std::uint16_t note = info_of(pointer).progress;
    if (note >= kWholePages) {
        info_of(pointer).progress = 0;
        free_pages(pointer, note - kWholePages);
        return;
    }
    HV_ASSERT(note >= 1 && note <= kClasses);
    auto* object = static_cast<FreeObject*>(pointer);
    Guard guard{g_lock};
    object->next = g_free[note - 1];
    g_free[note - 1] = object;
}

}  // namespace hv
