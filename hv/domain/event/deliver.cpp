// From a sender to a pending port and a vCPU that looks at it.
#include "hv/base/nospec.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/event/channel.hpp"
#include "hv/domain/event/fifo.hpp"
#include "hv/domain/guest_word.hpp"

namespace hv {

Vcpu& EventChannels::target(const EventChannel& channel) const {
    return *domain_->vcpu(channel.notify_vcpu.load(std::memory_order_relaxed));  // checked when it was set
}

void EventChannels::set_pending(EventChannel& channel) {
    Vcpu& vcpu = target(channel);
    FifoEvents* fifo = fifo_.load(std::memory_order_acquire);
    const bool news = fifo ? fifo_set_pending(*fifo, vcpu, channel) : two_level_set_pending(vcpu, channel.port);
    if (news) wake_pollers(channel.port);
}

Result<> EventChannels::send(EventPort port) {
    EventChannel* channel = TRY(usable(port));
    Guard guard{channel->lock};
    switch (channel->state.load(std::memory_order_relaxed)) {
        case EventState::Interdomain: {
            // Our lock keeps the connection, and with it the peer and its port; the peer's lock is not needed.
            EventChannels& theirs = channel->remote->events;
            theirs.set_pending(*theirs.find(channel->remote_port()));
            return {};
        }
        case EventState::Ipi: set_pending(*channel); return {};
        case EventState::Unbound: return {};  // no listener yet; binding makes the port pending
        case EventState::Free:
        case EventState::Reserved:
        case EventState::Virq:
        case EventState::Pirq: break;
    }
    return fail(Error::BadArgument);
}

Result<> EventChannels::unmask(EventPort port) {
    EventChannel* channel = TRY(usable(port));
    Guard guard{channel->lock};
    if (channel->state == EventState::Free || channel->state == EventState::Reserved) return fail(Error::BadArgument);
    unmask_now(*channel);
    return {};
}

void EventChannels::notify_virq(Vcpu& table, std::uint32_t virq) {
    EventChannel* channel = find(table.virq_port[virq].load(std::memory_order_acquire));
    if (!channel) return;
    Guard guard{channel->lock};
    // The port may have been closed, and even taken for something else, since the look at the table.
    if (channel->state == EventState::Virq && channel->number == virq) set_pending(*channel);
}

EventPort EventChannels::pirq_port(std::uint32_t pirq) const {
    const std::atomic<EventPort>* ports = pirq_ports_.load(std::memory_order_acquire);
    return ports && pirq < kMaxPirqs ? ports[index_nospec(pirq, kMaxPirqs)].load(std::memory_order_acquire) : kNoPort;
}

void EventChannels::notify_pirq(std::uint32_t pirq) {
    EventChannel* channel = find(pirq_port(pirq));
    if (!channel) return;
    Guard guard{channel->lock};
    if (channel->state == EventState::Pirq && channel->number == pirq) set_pending(*channel);
}

void notify_vcpu_virq(Vcpu& vcpu, std::uint32_t virq) {
    vcpu.domain.events.notify_virq(vcpu, virq);
}

void notify_global_virq(Domain& domain, std::uint32_t virq) {
    if (Vcpu* table = domain.vcpu(VcpuId{0})) domain.events.notify_virq(*table, virq);
}

void send_pirq_event(Domain& domain, std::uint32_t pirq) {
    domain.events.notify_pirq(pirq);
}

void vcpu_mark_events_pending(Vcpu& vcpu) {
    abi::xen::VcpuInfo* info = vcpu.info.load(std::memory_order_acquire);
    // Set already: the guest has been told, and has not looked yet.
    if (std::atomic_ref{info->evtchn_upcall_pending}.exchange(1, std::memory_order_acq_rel) != 0) return;
    vcpu.kick();
}

bool vcpu_events_deliverable(const Vcpu& vcpu) {
    abi::xen::VcpuInfo* info = vcpu.info.load(std::memory_order_acquire);
    return std::atomic_ref{info->evtchn_upcall_pending}.load(std::memory_order_acquire) != 0 &&
           std::atomic_ref{info->evtchn_upcall_mask}.load(std::memory_order_acquire) == 0;
}

}  // namespace hv
