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

// Objects of up to half a page come from size classes of powers of two; every page holds one class, and goes back to
// the allocator with its last object. The class is noted in FrameInfo::progress (index plus one), or kWholePages plus
// the order for larger objects. No reference can be taken on hv's memory, so the frame's type word is the heap's as
// well.
constexpr unsigned kSmallestShift = 4;
constexpr unsigned kClasses = 8;  // 16 bytes to 2048 bytes
constexpr std::uint16_t kWholePages = 0x100;

struct FreeObject {
    FreeObject* next;
};

// A page of small objects, as its type word has it.
struct Page {
    std::uint16_t used = 0;
    std::uint16_t first_free = kNone;  // offset in the page
    static constexpr std::uint16_t kNone = 0xffff;

    static Page of(const FrameInfo& info) {
        const auto word = static_cast<std::uint32_t>(info.type.load(std::memory_order_relaxed));
        return {static_cast<std::uint16_t>(word), static_cast<std::uint16_t>(word >> 16)};
    }
    void note(FrameInfo& info) const {
        info.type.store(used | std::uint64_t{first_free} << 16, std::memory_order_relaxed);
    }
};

constinit Spinlock g_lock{LockRank::Leaf};
// The pages of each class that have free objects, linked through FrameInfo; 0: none (frame 0 is never hv's).
constinit std::array<std::uint32_t, kClasses> g_with_room{};

unsigned class_of(std::size_t bytes) {
    const unsigned shift = static_cast<unsigned>(std::bit_width(bytes - 1));
    return shift <= kSmallestShift ? 0 : shift - kSmallestShift;
}

FrameInfo& info_of(const void* pointer) {
    return frame_info(frame_of_pointer(pointer));
}

void link(unsigned size_class, FrameInfo& info) {
    const auto number = static_cast<std::uint32_t>(frame_number(info).raw);
    info.previous = 0;
    info.next = g_with_room[size_class];
    if (info.next) frame_info(Mfn{info.next}).previous = number;
    g_with_room[size_class] = number;
}

void unlink(unsigned size_class, FrameInfo& info) {
    (info.previous ? frame_info(Mfn{info.previous}).next : g_with_room[size_class]) = info.next;
    if (info.next) frame_info(Mfn{info.next}).previous = info.previous;
    info.next = info.previous = 0;
}

bool refill(unsigned size_class) {
    auto* page = static_cast<std::byte*>(allocate_page());
    if (!page) return false;
    FrameInfo& info = info_of(page);
    info.progress = static_cast<std::uint16_t>(size_class + 1);
    const std::size_t size = std::size_t{1} << (size_class + kSmallestShift);
    for (std::size_t offset = 0; offset < kPageSize; offset += size)
        reinterpret_cast<FreeObject*>(page + offset)->next =
            offset + size < kPageSize ? reinterpret_cast<FreeObject*>(page + offset + size) : nullptr;
    Page{.used = 0, .first_free = 0}.note(info);
    Guard guard{g_lock};
    link(size_class, info);
    return true;
}

FreeObject* take(unsigned size_class) {
    Guard guard{g_lock};
    if (!g_with_room[size_class]) return nullptr;
    const Mfn frame{g_with_room[size_class]};
    FrameInfo& info = frame_info(frame);
    Page page = Page::of(info);
    auto* memory = static_cast<std::byte*>(frame_pointer(frame));
    auto* object = reinterpret_cast<FreeObject*>(memory + page.first_free);
    ++page.used;
    page.first_free =
        object->next ? static_cast<std::uint16_t>(reinterpret_cast<std::byte*>(object->next) - memory) : Page::kNone;
    page.note(info);
    if (page.first_free == Page::kNone) unlink(size_class, info);
    return object;
}

// True when that was the page's last object: it is the caller's to give back then.
bool put(unsigned size_class, FrameInfo& info, void* pointer) {
    Guard guard{g_lock};
    Page page = Page::of(info);
    const std::size_t offset = reinterpret_cast<std::uintptr_t>(pointer) % kPageSize;
    const bool was_full = page.first_free == Page::kNone;
    auto* object = static_cast<FreeObject*>(pointer);
    object->next =
        was_full ? nullptr : reinterpret_cast<FreeObject*>(static_cast<std::byte*>(pointer) - offset + page.first_free);
    page.first_free = static_cast<std::uint16_t>(offset);
    --page.used;
    page.note(info);
    if (was_full) link(size_class, info);
    if (page.used != 0) return false;
    unlink(size_class, info);
    info.type.store(0, std::memory_order_relaxed);
    info.progress = 0;
    return true;
}

}  // namespace

void* allocate_pages(unsigned order) {
    const Result<Mfn> first = allocate_frames({.order = order});
    if (!first) return nullptr;
    for (std::uint64_t i = 0; i < std::uint64_t{1} << order; ++i) {
        // No reference, and none can be taken, so that not even Dom0 maps hv's own memory.
        frame_info(*first + i).count.store(FrameInfo::owner_bits(kOwnerHv));
    }
    return frame_pointer(*first);
}

void free_pages(void* pages, unsigned order) {
    if (pages) free_unmapped_frames(frame_of_pointer(pages), order);
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
    if (put(note - 1u, info_of(pointer), pointer))
        free_page(reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(pointer) & ~(kPageSize - 1)));
}

}  // namespace hv
