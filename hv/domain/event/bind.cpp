// Making ports: what they are connected to.
#include "hv/abi/xen/shared_info.hpp"
#include "hv/base/nospec.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/event/channel.hpp"
#include "hv/domain/event/virq.hpp"
#include "hv/machine/interrupts.hpp"
#include "hv/memory/heap.hpp"

namespace hv {

void EventChannels::publish(EventChannel& channel, EventState state, std::uint32_t number, VcpuId vcpu) {
    Guard guard{channel.lock};
    channel.number = number;
    channel.notify_vcpu.store(vcpu, std::memory_order_relaxed);
    channel.state = state;
}

Result<EventPort> EventChannels::allocate_unbound(DomainId remote) {
    Guard table{table_lock_};
    EventChannel* channel = TRY(allocate());
    Guard guard{channel->lock};
    channel->remote_domain = remote;
    channel->state = EventState::Unbound;
    return channel->port;
}

Result<EventPort> EventChannels::bind_interdomain(Domain& remote, EventPort remote_port) {
    EventChannel* theirs = TRY(remote.events.usable(remote_port));
    Guard table{table_lock_};
    EventChannel* ours = TRY(allocate());
    PairGuard pair{ours->lock, theirs->lock};
    if (theirs->state != EventState::Unbound || theirs->remote_domain != domain_->id) {
        release(*ours);
        return fail(Error::BadArgument);
    }
    ours->remote = &remote;
    ours->remote_domain = remote.id;
    ours->number = remote_port.raw;
    ours->state = EventState::Interdomain;
    theirs->remote = domain_;
    theirs->number = ours->port.raw;
    theirs->state = EventState::Interdomain;
    // The peer may have sent before there was a listener; one event too many does no harm.
    set_pending(*ours);
    return ours->port;
}

Result<EventPort> EventChannels::bind_virq(std::uint32_t virq, VcpuId vcpu_id) {
    if (virq >= abi::xen::kVirqCount) return fail(Error::BadArgument);
    virq = index_nospec(virq, abi::xen::kVirqCount);
    if (virq_is_global(virq) && vcpu_id != VcpuId{}) return fail(Error::BadArgument);
    if (virq_is_privileged(virq) && !domain_->privileged) return fail(Error::NotPermitted);
    Vcpu* vcpu = domain_->vcpu(vcpu_id);
    if (!vcpu) return fail(Error::NoEntry);

    Guard table{table_lock_};
    if (vcpu->virq_port[virq].load(std::memory_order_relaxed) != kNoPort) return fail(Error::Exists);
    EventChannel* channel = TRY(allocate());
    publish(*channel, EventState::Virq, virq, vcpu_id);
    vcpu->virq_port[virq].store(channel->port, std::memory_order_release);
    return channel->port;
}

Result<EventPort> EventChannels::bind_ipi(VcpuId vcpu) {
    if (!domain_->vcpu(vcpu)) return fail(Error::NoEntry);
    Guard table{table_lock_};
    EventChannel* channel = TRY(allocate());
    publish(*channel, EventState::Ipi, 0, vcpu);
    return channel->port;
}

Result<std::atomic<EventPort>*> EventChannels::pirq_table() {
    if (auto* known = pirq_ports_.load(std::memory_order_relaxed)) return known;
    static_assert(sizeof(std::atomic<EventPort>) * kMaxPirqs == kPageSize);
    auto* fresh = new (std::nothrow) std::atomic<EventPort>[kMaxPirqs];
    if (!fresh) return fail(Error::NoMemory);
    pirq_ports_.store(fresh, std::memory_order_release);
    return fresh;
}

Result<EventPort> EventChannels::bind_pirq(std::uint32_t pirq, bool share) {
    if (pirq >= kMaxPirqs) return fail(Error::BadArgument);
    pirq = index_nospec(pirq, kMaxPirqs);
    Vcpu* vcpu = domain_->vcpu(VcpuId{0});
    if (!vcpu) return fail(Error::NoEntry);
    Guard table{table_lock_};
    std::atomic<EventPort>* ports = TRY(pirq_table());
    if (ports[pirq].load(std::memory_order_relaxed) != kNoPort) return fail(Error::Exists);
    EventChannel* channel = TRY(allocate());
    Guard guard{channel->lock};
    channel->number = pirq;
    channel->state = EventState::Pirq;
    // The first interrupt may come before the binding returns, on another CPU; it waits for the port's lock.
    ports[pirq].store(channel->port, std::memory_order_release);
    if (Result<> bound = pirq_guest_bind(*vcpu, pirq, share); !bound) {
        ports[pirq].store(kNoPort, std::memory_order_release);
        release(*channel);
        return fail(bound.error());
    }
    return channel->port;
}

Result<> EventChannels::bind_vcpu(EventPort port, VcpuId vcpu_id) {
    Vcpu* vcpu = domain_->vcpu(vcpu_id);
    if (!vcpu) return fail(Error::NoEntry);
    EventChannel* channel = TRY(usable(port));
    Guard guard{channel->lock};
    switch (channel->state.load(std::memory_order_relaxed)) {
        case EventState::Virq:
            if (!virq_is_global(channel->number)) return fail(Error::BadArgument);
            [[fallthrough]];
        case EventState::Unbound:
        case EventState::Interdomain: channel->notify_vcpu.store(vcpu_id, std::memory_order_relaxed); return {};
        case EventState::Pirq:
            if (channel->notify_vcpu.exchange(vcpu_id, std::memory_order_relaxed) != vcpu_id)
                pirq_guest_move(*vcpu, channel->number);
            return {};
        case EventState::Free:
        case EventState::Reserved:
        case EventState::Ipi: break;
    }
    return fail(Error::BadArgument);
}

}  // namespace hv
