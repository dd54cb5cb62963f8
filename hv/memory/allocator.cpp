#include "hv/memory/allocator.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "hv/base/log.hpp"
#include "hv/base/spinlock.hpp"
#include "hv/machine/tlb.hpp"
#include "hv/memory/audit.hpp"
#include "hv/memory/frame.hpp"
#include "hv/memory/frame_release.hpp"

namespace hv {
namespace {

constexpr std::uint64_t kUnowned = FrameInfo::owner_bits(kOwnerNone);

// A zone holds the frames whose numbers have so many bits. A naturally aligned block never crosses zones (the one that
// would begins with frame 0, which is never given out), and all of a zone is within an address limit or none of it:
// what a guest asks for never makes this look through a list.
constexpr unsigned kZones = 33;

constexpr unsigned zone_of(std::uint64_t mfn) {
    return static_cast<unsigned>(std::bit_width(mfn));
}

struct Zone {
    std::uint32_t orders = 0;                          // bit n: there is a free block of order n
    std::array<std::uint32_t, kMaxOrder + 1> heads{};  // 0: none
};

struct FrameHeap {
    std::array<Zone, kZones> zones{};
    std::uint64_t free = 0;
    std::uint64_t claimed = 0;
    std::uint64_t total = 0;
};

constinit Spinlock g_lock{LockRank::FrameHeap};
constinit FrameHeap g_heap;
constinit std::uint64_t g_machine_frames = 0;

FrameInfo& info_at(std::uint64_t mfn) {
    return frame_info(Mfn{mfn});
}

void push(std::uint64_t mfn, unsigned order) {
    Zone& zone = g_heap.zones[zone_of(mfn)];
    std::uint32_t& head = zone.heads[order];
    FrameInfo& info = info_at(mfn);
    info.count.store(kUnowned | FrameInfo::kFreeHead, std::memory_order_relaxed);
    info.progress = static_cast<std::uint16_t>(order);
    info.previous = 0;
    info.next = head;
    if (head) info_at(head).previous = static_cast<std::uint32_t>(mfn);
    head = static_cast<std::uint32_t>(mfn);
    zone.orders |= 1u << order;
}

void unlink(std::uint64_t mfn, unsigned order) {
    Zone& zone = g_heap.zones[zone_of(mfn)];
    FrameInfo& info = info_at(mfn);
    if (info.previous) {
        info_at(info.previous).next = info.next;
    } else {
        zone.heads[order] = info.next;
        if (!info.next) zone.orders &= ~(1u << order);
    }
    if (info.next) info_at(info.next).previous = info.previous;
    info.count.store(kUnowned, std::memory_order_relaxed);
    info.progress = 0;
    info.next = info.previous = 0;
}

bool is_free_block(std::uint64_t mfn, unsigned order) {
    if (!valid_frame(Mfn{mfn})) return false;
    const FrameInfo& info = info_at(mfn);
    return (info.count.load(std::memory_order_relaxed) & FrameInfo::kFreeHead) && info.progress == order;
}

void give_back(std::uint64_t mfn, unsigned order) {
    g_heap.free += std::uint64_t{1} << order;
    while (order < kMaxOrder) {
        const std::uint64_t buddy = mfn ^ (std::uint64_t{1} << order);
        if (!is_free_block(buddy, order)) break;
        unlink(buddy, order);
        mfn &= ~(std::uint64_t{1} << order);
        ++order;
    }
    push(mfn, order);
}

// Takes the smallest block that is large enough from one zone; 0 when there is none.
std::uint64_t take_from(Zone& zone, unsigned order) {
    const std::uint32_t large_enough = zone.orders >> order << order;
    if (large_enough == 0) return 0;
    unsigned have = static_cast<unsigned>(std::countr_zero(large_enough));
    const std::uint64_t mfn = zone.heads[have];
    unlink(mfn, have);
    while (have > order) {
        --have;
        push(mfn + (std::uint64_t{1} << have), have);
    }
    g_heap.free -= std::uint64_t{1} << order;
    return mfn;
}

// Memory that devices with few address bits reach is given out last.
std::uint64_t take(unsigned order, unsigned address_bits) {
    for (unsigned zone = std::min(address_bits - unsigned{kPageShift}, kZones - 1); zone > 0; --zone)
        if (const std::uint64_t mfn = take_from(g_heap.zones[zone], order)) return mfn;
    return 0;
}

// May `demand` have its frames without breaking the promises made to others? A claimant uses up its own first.
bool allowed(const FrameDemand& demand) {
    const std::uint64_t wanted = std::uint64_t{1} << demand.order;
    const std::uint64_t own = demand.claim ? *demand.claim : 0;
    const std::uint64_t others = g_heap.claimed - own;
    return g_heap.free >= others + wanted;
}

void use_up_claim(const FrameDemand& demand) {
    if (!demand.claim) return;
    const std::uint64_t used = std::min<std::uint64_t>(*demand.claim, std::uint64_t{1} << demand.order);
    *demand.claim -= used;
    g_heap.claimed -= used;
}

// What the last owners of taken frames may have left elsewhere: in TLBs and caches.
struct Traces {
    std::uint32_t now;               // TLB clock
    std::uint32_t newest = now + 1;  // TLB stamp; at first the oldest that there can be
    bool incoherent = false;

    // The clock wraps and frames may be free for longer than half its range, so only ages say which of two stamps is
    // newer. One that seems younger than it is costs a flush.
    void add(std::uint32_t stamp) {
        if (now - stamp < now - newest) newest = stamp;
    }
};

void begin_use(std::uint64_t first, unsigned order, Traces& traces) {
    for (std::uint64_t i = 0; i < std::uint64_t{1} << order; ++i) {
        FrameInfo& info = info_at(first + i);
        // Pages of hv's heap keep old stamps. When the clock has advanced by half its range since, such a stamp looks
        // newer than the clock: it is taken for new, which costs one flush.
        if (static_cast<std::int32_t>(traces.now - info.tlb_stamp) < 0) info.tlb_stamp = traces.now;
        traces.add(info.tlb_stamp);
        info.count.store(kUnowned, std::memory_order_relaxed);
        const std::uint64_t left = info.type.load(std::memory_order_relaxed) & FrameInfo::kIncoherent;
        info.type.store(left, std::memory_order_relaxed);
        traces.incoherent = traces.incoherent || left;
    }
}

void flush_from_caches(std::uint64_t first, unsigned order) {
    for (std::uint64_t i = 0; i < std::uint64_t{1} << order; ++i)
        if (info_at(first + i).type.exchange(0, std::memory_order_relaxed)) flush_frame_from_caches(Mfn{first + i});
}

Result<std::uint64_t> take_block(const FrameDemand& demand) {
    Guard guard{g_lock};
    if (!allowed(demand)) return fail(Error::NoMemory);
    const std::uint64_t mfn = take(demand.order, demand.address_bits);
    if (!mfn) return fail(Error::NoMemory);
    use_up_claim(demand);
    return mfn;
}

}  // namespace

void allocator_add(Mfn first, Mfn end) {
    Guard guard{g_lock};
    std::uint64_t mfn = first.raw == 0 ? 1 : first.raw;
    for (std::uint64_t frame = mfn; frame < end.raw; ++frame)
        info_at(frame).count.store(kUnowned, std::memory_order_relaxed);
    while (mfn < end.raw) {
        unsigned order = 0;
        while (order < kMaxOrder && !(mfn & ((std::uint64_t{2} << order) - 1)) &&
               mfn + (std::uint64_t{2} << order) <= end.raw)
            ++order;
        give_back(mfn, order);
        g_heap.total += std::uint64_t{1} << order;
        mfn += std::uint64_t{1} << order;
    }
}

Result<Mfn> allocate_frames(const FrameDemand& demand) {
    std::uint32_t block = 0;
    TRY(allocate_blocks(demand, {&block, 1}));
    return Mfn{block};
}

Result<> allocate_blocks(const FrameDemand& demand, std::span<std::uint32_t> blocks) {
    if (demand.order > kMaxOrder || demand.address_bits <= kPageShift || blocks.empty()) return fail(Error::NoMemory);
    for (std::size_t have = 0; have < blocks.size(); ++have) {
        const Result<std::uint64_t> block = take_block(demand);
        if (!block) {
            while (have > 0) free_unmapped_frames(Mfn{blocks[--have]}, demand.order);
            return fail(block.error());
        }
        blocks[have] = static_cast<std::uint32_t>(*block);
    }
    Traces traces{.now = tlb_clock()};
    for (const std::uint32_t block : blocks) begin_use(block, demand.order, traces);
    // The last owner may have the frames in a TLB still, and writes to them until that is flushed: what is cleared, or
    // given any other contents, before that is not safe from it.
    flush_stale_tlbs(kOwnerNone, traces.newest);
    for (const std::uint32_t block : blocks) {
        if (traces.incoherent) flush_from_caches(block, demand.order);
        if (demand.clear) std::memset(frame_pointer(Mfn{block}), 0, kPageSize << demand.order);
    }
    return {};
}

void free_frames(Mfn first, unsigned order) {
    const std::uint32_t stamp = tlb_clock();
    for (std::uint64_t i = 0; i < std::uint64_t{1} << order; ++i) info_at(first.raw + i).tlb_stamp = stamp;
    free_unmapped_frames(first, order);
}

void free_unmapped_frames(Mfn first, unsigned order) {
    for (std::uint64_t i = 0; i < std::uint64_t{1} << order; ++i) {
        FrameInfo& info = info_at(first.raw + i);
        info.count.store(kUnowned, std::memory_order_relaxed);
        info.next = info.previous = 0;
    }
    Guard guard{g_lock};
    give_back(first.raw, order);
}

std::uint64_t total_frames() {
    Guard guard{g_lock};
    return g_heap.total;
}

std::uint64_t machine_frames() {
    return g_machine_frames;
}

void set_machine_frames(std::uint64_t frames) {
    g_machine_frames = frames;
}

std::uint64_t free_frame_count() {
    Guard guard{g_lock};
    return g_heap.free;
}

std::uint64_t claimed_frame_count() {
    Guard guard{g_lock};
    return g_heap.claimed;
}

Result<> change_claim(std::uint64_t& claim, std::uint64_t frames) {
    Guard guard{g_lock};
    const std::uint64_t others = g_heap.claimed - claim;
    if (frames > g_heap.free - std::min(others, g_heap.free)) return fail(Error::NoMemory);
    g_heap.claimed = others + frames;
    claim = frames;
    return {};
}

void audit_free_frames(FrameAudit& audit, std::uint64_t claims) {
    std::uint64_t found = 0;
    for (unsigned zone = 0; zone < kZones; ++zone) {
        for (unsigned order = 0; order <= kMaxOrder; ++order) {
            std::uint32_t previous = 0;
            if ((g_heap.zones[zone].heads[order] != 0) != (g_heap.zones[zone].orders >> order & 1))
                audit.complain("zone {}: blocks of order {} are there or not", zone, order);
            for (std::uint32_t mfn = g_heap.zones[zone].heads[order]; mfn; previous = mfn, mfn = info_at(mfn).next) {
                if (!is_free_block(mfn, order) || info_at(mfn).previous != previous || zone_of(mfn) != zone ||
                    mfn % (1u << order) != 0)
                    audit.complain("free block 0x{:x} of order {}: count 0x{:x}, previous 0x{:x}", mfn, order,
                                   info_at(mfn).count.load(), info_at(mfn).previous);
                const std::uint64_t buddy = mfn ^ (std::uint64_t{1} << order);
                if (order < kMaxOrder && zone_of(buddy) == zone && is_free_block(buddy, order))
                    audit.complain("free block 0x{:x} of order {}: apart from its buddy", mfn, order);
                bool fresh = true;
                for (std::uint64_t i = 0; i < std::uint64_t{1} << order; ++i) {
                    fresh = audit.free(Mfn{mfn + i}) && fresh;
                    if (info_at(mfn + i).references() != 0)
                        audit.complain("frame 0x{:x}: free with references", mfn + i);
                    if (info_at(mfn + i).type_count() != 0)
                        audit.complain("frame 0x{:x}: free while it is used as something", mfn + i);
                }
                found += std::uint64_t{1} << order;
                if (fresh) continue;
                audit.complain("free block 0x{:x} of order {}: met twice", mfn, order);
                break;
            }
        }
    }
    if (found != g_heap.free) audit.complain("{} frames on the free lists, {} counted", found, g_heap.free);
    if (claims != g_heap.claimed) audit.complain("{} frames are promised, {} counted", claims, g_heap.claimed);
    if (g_heap.claimed > g_heap.free)
        audit.complain("{} frames are promised, {} are free", g_heap.claimed, g_heap.free);
}

}  // namespace hv
