// Waiting for events.
#include "hv/domain/event/channel.hpp"
#include "hv/domain/vcpu.hpp"
#include "hv/sched/sched.hpp"

namespace hv {

void Vcpu::block() {
    std::atomic_ref{info.load(std::memory_order_acquire)->evtchn_upcall_mask}.store(0, std::memory_order_release);
    // The mark first, then the look: a deliverer makes the event pending first and then takes the mark
    // away, so that one of the two sees the other.
    flags.fetch_or(kVcpuBlocked, std::memory_order_acq_rel);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (vcpu_events_deliverable(*this)) {
        flags.fetch_and(~std::uint32_t{kVcpuBlocked}, std::memory_order_acq_rel);
        return;
    }
    sched_sleep(*this);
}

}  // namespace hv
