// FIFO ports. A domain gives pages of event words (one per port); each of its vCPUs gives a control block with the
// heads of 16 queues, by priority. A pending, unmasked port is linked into a queue of its vCPU through its word; the
// guest unlinks.
//
//   control block         event words
//   ready: bit per queue
//   head[q] ------------> word[a] --link--> word[b] --link--> word[tail]
//
// hv alone remembers the tails. Heads, links and flags are in guest memory: whatever the guest does to them costs
// itself events; hv writes only into the words of ports that it chose, and tries only a bounded number of times.
#pragma once

#include <atomic>
#include <cstdint>

#include "hv/abi/xen/event_channel.hpp"
#include "hv/base/spinlock.hpp"
#include "hv/base/types.hpp"

namespace hv {

// Per domain.
struct FifoEvents {
    static constexpr std::uint32_t kPages = abi::xen::kFifoPorts / abi::xen::kFifoWordsPerPage;

    std::atomic<std::uint32_t*> pages[kPages]{};  // guest frames, each with a reference and the Writable type
    std::uint32_t used = 0;                       // under EventChannels::table_lock_

    std::uint32_t* word(EventPort port) const {
        std::uint32_t* page = pages[port.raw / abi::xen::kFifoWordsPerPage].load(std::memory_order_acquire);
        return page ? page + port.raw % abi::xen::kFifoWordsPerPage : nullptr;
    }
};

// Per vCPU; exists for all vCPUs of a domain once it uses FIFO ports.
struct FifoVcpu {
    Spinlock lock{LockRank::EventQueue};                        // tails
    std::atomic<abi::xen::FifoControlBlock*> control{nullptr};  // guest frame, as above; null until the vCPU has one
    EventPort tail[abi::xen::kFifoQueues]{};
};

}  // namespace hv
