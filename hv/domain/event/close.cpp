// Closing ports, one or all.
#include "hv/base/log.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/event/channel.hpp"
#include "hv/domain/event/fifo.hpp"
#include "hv/domain/event/virq.hpp"
#include "hv/machine/interrupts.hpp"
#include "hv/machine/preemption.hpp"

namespace hv {

// The port's lock is held, as for unbind_pirq().
void EventChannels::unbind_virq(EventChannel& channel) {
    const VcpuId table =
        virq_is_global(channel.number) ? VcpuId{0} : channel.notify_vcpu.load(std::memory_order_relaxed);
    domain_->vcpu(table)->virq_port[channel.number].store(kNoPort, std::memory_order_release);
}

void EventChannels::unbind_pirq(EventChannel& channel) {
    pirq_ports_.load(std::memory_order_relaxed)[channel.number].store(kNoPort, std::memory_order_release);
    pirq_guest_unbind(*domain_, channel.number);
}

Result<> EventChannels::close(EventPort port) {
    EventChannel* channel = TRY(usable(port));
    for (;;) {
        // Declared before the guards: the peer, if it dies, does so with no lock held.
        DomainRef peer;
        {
            Guard table{table_lock_};
            Guard guard{channel->lock};
            switch (channel->state.load(std::memory_order_relaxed)) {
                case EventState::Free:
                case EventState::Reserved: return fail(Error::BadArgument);
                case EventState::Unbound:
                case EventState::Ipi: release(*channel); return {};
                case EventState::Virq:
                    unbind_virq(*channel);
                    release(*channel);
                    return {};
                case EventState::Pirq:
                    unbind_pirq(*channel);
                    release(*channel);
                    return {};
                case EventState::Interdomain:
                    // Connected, so the peer exists; the reference keeps it while both locks are taken in order.
                    channel->remote->references.fetch_add(1, std::memory_order_relaxed);
                    peer = DomainRef{channel->remote};
                    break;
            }
        }
        Guard table{table_lock_};
        EventPort peer_port;
        {
            Guard guard{channel->lock};
            peer_port = channel->remote_port();
        }
        EventChannel* theirs = peer->events.find(peer_port);
        if (!theirs) continue;
        PairGuard pair{channel->lock, theirs->lock};
        // It may have been closed at the other end (then it is unbound), or even closed and made anew.
        if (channel->state != EventState::Interdomain || channel->remote != &*peer ||
            channel->remote_port() != peer_port)
            continue;
        theirs->state = EventState::Unbound;
        theirs->remote = nullptr;
        theirs->remote_domain = domain_->id;
        release(*channel);
        return {};
    }
}

// `progress` is where an earlier call of the same caller has stopped.
Result<> EventChannels::close_all(std::atomic<EventPort>& progress) {
    EventPort port = progress.load(std::memory_order_relaxed);
    while (port.raw < abi::xen::kFifoPorts) {
        if (!find(port)) {
            port = EventPort{(port.raw / kPortsPerBucket + 1) * kPortsPerBucket};
            continue;
        }
        static_cast<void>(close(port));  // fails for ports that are not in use
        ++port;
        if (port.raw % 16 == 0 && preemption_needed()) {
            progress.store(port, std::memory_order_relaxed);
            return fail(Error::Restart);
        }
    }
    progress.store(EventPort{1}, std::memory_order_relaxed);
    return {};
}

Result<> EventChannels::reset() {
    const bool whole = next_reset_.load(std::memory_order_relaxed) == EventPort{1};
    TRY(close_all(next_reset_));
    Guard table{table_lock_};
    // Another vCPU may have made a port meanwhile (Again). Or this call has gone on with an earlier reset that was left
    // half done, and ports made since have numbers that it had passed: then it starts from the beginning (Restart).
    if (ports_in_use() != 0) return fail(whole ? Error::Again : Error::Restart);
    fifo_stop();
    return {};
}

Result<> EventChannels::destroy() {
    {
        Guard table{table_lock_};
        closing_ = true;
    }
    // Not with the progress of resets: a guest may have left one half done, and ports made since have numbers that it
    // had passed.
    TRY(close_all(next_close_));
    Guard table{table_lock_};
    // Ports at the other ends name this domain until they are told.
    HV_ASSERT(ports_in_use() == 0);
    fifo_stop();
    return {};
}

}  // namespace hv
