#include "hv/hypercall/sched_poll.hpp"

#include "hv/abi/xen/sched.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/vcpu_timers.hpp"
#include "hv/memory/guest_access.hpp"
#include "hv/sched/sched.hpp"

namespace hv {

using namespace abi::xen;

namespace {

// True when there is nothing to wait for.
Result<bool> ready(Vcpu& vcpu, const SchedPoll& poll) {
    if (vcpu_events_deliverable(vcpu)) return true;
    EventPort port;
    for (std::uint32_t i = 0; i < poll.nr_ports; ++i) {
        port = EventPort{TRY(fetch_at<std::uint32_t>(GuestVirtual{poll.ports}, i))};
        if (TRY(vcpu.domain.events.is_pending(port))) return true;
    }
    // With one port only that one needs to wake it; until here any did.
    if (poll.nr_ports == 1) vcpu.poll_port.store(port, std::memory_order_relaxed);
    return false;
}

}  // namespace

HypercallResult sched_poll(GuestVirtual argument) {
    const auto poll = TRY(fetch<SchedPoll>(argument));
    if (poll.nr_ports > kSchedPollMaxPorts) return fail(Error::BadArgument);
    Vcpu& vcpu = current_vcpu();
    stop_timer(vcpu.poll_timer);  // of an earlier poll that ended otherwise

    // Marked as waiting first: from here on, making a port pending takes the marks away again.
    vcpu.flags.fetch_or(kVcpuBlocked, std::memory_order_acq_rel);
    vcpu.domain.events.start_polling(vcpu);
    const Result<bool> done = ready(vcpu, poll);
    if (!done || *done) {
        vcpu.domain.events.stop_polling(vcpu);
        vcpu.flags.fetch_and(~std::uint32_t{kVcpuBlocked}, std::memory_order_acq_rel);
        if (!done) return fail(done.error());
        return 0;
    }
    if (poll.timeout != 0) vcpu_set_poll_timer(vcpu, poll.timeout);
    sched_sleep(vcpu);
    return 0;
}

}  // namespace hv
