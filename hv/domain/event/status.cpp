// What a port is, for the guest and for the debug key.
#include "hv/base/log.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/event/channel.hpp"

namespace hv {

Result<> EventChannels::status(EventPort port, abi::xen::EventChannelStatus& status) {
    using abi::xen::EventChannelState;
    if (port.raw >= port_limit()) return fail(Error::BadArgument);
    status.u = {};
    status.vcpu = 0;
    status.status = static_cast<std::uint32_t>(EventChannelState::Closed);
    EventChannel* channel = find(port);
    if (!channel) return {};
    Guard guard{channel->lock};
    status.vcpu = channel->notify_vcpu.load(std::memory_order_relaxed).raw;
    EventChannelState state = EventChannelState::Closed;
    switch (channel->state.load(std::memory_order_relaxed)) {
        case EventState::Free:
        case EventState::Reserved: break;
        case EventState::Unbound:
            state = EventChannelState::Unbound;
            status.u.unbound.domid = channel->remote_domain.raw;
            break;
        case EventState::Interdomain:
            state = EventChannelState::Interdomain;
            status.u.interdomain.domid = channel->remote_domain.raw;
            status.u.interdomain.port = channel->number;
            break;
        case EventState::Pirq:
            state = EventChannelState::Pirq;
            status.u.pirq = channel->number;
            break;
        case EventState::Virq:
            state = EventChannelState::Virq;
            status.u.virq = channel->number;
            break;
        case EventState::Ipi: state = EventChannelState::Ipi; break;
    }
    status.status = static_cast<std::uint32_t>(state);
    return {};
}

void EventChannels::dump() {
    static constexpr const char* kNames[] = {"free", "reserved", "unbound", "interdomain", "pirq", "virq", "ipi"};
    info("domain {}: {} ports, {}", domain_->id, ports_in_use(), uses_fifo() ? "FIFO" : "two-level");
    for (EventPort port{1}; port.raw < port_limit(); ++port) {
        EventChannel* channel = find(port);
        if (!channel) {
            port.raw |= kPortsPerBucket - 1;
            continue;
        }
        Guard guard{channel->lock};
        if (channel->state == EventState::Free || channel->state == EventState::Reserved) continue;
        info("  {:5} {:<11} number {} domain {} vcpu {} {}", port, kNames[static_cast<unsigned>(channel->state.load())],
             channel->number, channel->remote_domain, channel->notify_vcpu.load(std::memory_order_relaxed),
             pending_now(*channel) ? "pending" : "");
    }
}

void dump_event_channels(Domain& domain) {
    domain.events.dump();
}

}  // namespace hv
