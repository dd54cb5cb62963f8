// The mappings of other domains' grants that a domain has: a handle is an index into its map track. Entries come from
// pages that are added when needed, and are kept on one free list per vCPU, so that vCPUs do not meet on one lock.
#pragma once

#include <atomic>
#include <cstdint>

#include "hv/base/result.hpp"
#include "hv/base/spinlock.hpp"
#include "hv/base/types.hpp"
#include "hv/memory/heap.hpp"

namespace hv {

using GrantHandle = std::uint32_t;

// In use while `flags` has a map bit. domain and number are written before the flags are (release) and stay until the
// entry is freed. Ending a mapping begins with claiming it, by setting kClaimed (compare-and-swap): a handle that two
// vCPUs unmap at the same time is unmapped once.
struct GrantMapping {
    static constexpr std::uint16_t kClaimed = 1u << 15;
    std::atomic<std::uint32_t> number{0};  // of the entry in its table (ref()); on a free list: the next handle
    std::atomic<std::uint16_t> flags{0};   // abi kGntmap* bits 0 to 4
    std::atomic<DomainId> domain{};        // which granted it
    GrantRef ref() const { return GrantRef{number.load(std::memory_order_relaxed)}; }
};
static_assert(sizeof(GrantMapping) == 8);

class Maptrack final {
  public:
    static constexpr std::uint32_t kPerPage = kPageSize / sizeof(GrantMapping);
    static constexpr std::uint32_t kDefaultMaxFrames = 1024;

    Maptrack() = default;
    ~Maptrack();
    Maptrack(const Maptrack&) = delete;
    Maptrack& operator=(const Maptrack&) = delete;

    void init(std::uint32_t vcpus, std::uint32_t max_frames);
    // NoSpace when the limit is reached and no vCPU has a free entry; NoMemory. The entry's flags are zero.
    Result<GrantHandle> take(VcpuId vcpu);
    void give_back(VcpuId vcpu, GrantHandle handle);
    GrantMapping* find(GrantHandle handle) const;  // null when out of range
    // Once no entry is in use and none can be taken: gives the pages back. Restart: call again.
    Result<> release();
    std::uint32_t capacity() const { return pages_used_.load(std::memory_order_acquire) * kPerPage; }

  private:
    static constexpr GrantHandle kEnd = ~GrantHandle{0};
    struct FreeList {
        Spinlock lock{LockRank::Maptrack};
        GrantHandle head = kEnd;
    };
    struct Page {
        GrantMapping entries[kPerPage];
    };

    Result<> start();
    Result<> grow(VcpuId vcpu);
    GrantHandle pop(FreeList& list);

    Spinlock grow_lock_{LockRank::GrantTable};  // never taken together with a grant table's
    std::uint32_t vcpus_ = 0;
    std::uint32_t max_pages_ = 0;
    std::atomic<std::uint32_t> pages_used_{0};
    std::atomic<FreeList*> lists_{nullptr};
    std::atomic<std::atomic<Page*>*> pages_{nullptr};
};

}  // namespace hv
