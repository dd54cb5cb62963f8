// event_channel_op: fetches each command's structure and hands it to the caller's channels (domain/event/channel.hpp).
#include "hv/abi/xen/domain_id.hpp"
#include "hv/domain/domain.hpp"
#include "hv/hypercall/handlers.hpp"
#include "hv/memory/guest_access.hpp"

namespace hv {

using namespace abi::xen;

namespace {

DomainId resolve(Domid id) {
    return id == kDomidSelf ? current_domain().id : DomainId{id};
}

Result<> alloc_unbound(EventChannelAllocUnbound& op) {
    const DomainRef domain = TRY(find_target_domain(DomainId{op.domid}));
    op.port = TRY(domain->events.allocate_unbound(resolve(op.remote_domid))).raw;
    return {};
}

Result<> bind_interdomain(EventChannelBindInterdomain& op) {
    const DomainRef remote = TRY(find_domain(DomainId{op.remote_domid}));
    op.local_port = TRY(current_domain().events.bind_interdomain(*remote, EventPort{op.remote_port})).raw;
    return {};
}

Result<> bind_virq(EventChannelBindVirq& op) {
    op.port = TRY(current_domain().events.bind_virq(op.virq, VcpuId{op.vcpu})).raw;
    return {};
}

Result<> bind_ipi(EventChannelBindIpi& op) {
    op.port = TRY(current_domain().events.bind_ipi(VcpuId{op.vcpu})).raw;
    return {};
}

Result<> bind_pirq(EventChannelBindPirq& op) {
    if (!current_domain().privileged) return fail(Error::NotPermitted);
    if (op.flags & ~kBindPirqWillShare) return fail(Error::BadArgument);
    op.port = TRY(current_domain().events.bind_pirq(op.pirq, op.flags & kBindPirqWillShare)).raw;
    return {};
}

Result<> get_status(EventChannelStatus& op) {
    const DomainRef domain = TRY(find_target_domain(DomainId{op.domid}));
    return domain->events.status(EventPort{op.port}, op);
}

Result<> reset(EventChannelReset& op) {
    const DomainRef domain = TRY(find_target_domain(DomainId{op.domid}));
    // Another domain must hold still meanwhile.
    if (&*domain != &current_domain() && !domain->paused_by_control.load()) return fail(Error::BadArgument);
    return domain->events.reset();
}

Result<> init_control(EventChannelInitControl& op) {
    TRY(current_domain().events.init_control(Gfn{op.control_gfn}, op.offset, VcpuId{op.vcpu}));
    op.link_bits = kFifoLinkBits;
    return {};
}

// Fetches the operation's structure, runs it, and writes back what it may have changed.
template <class Op>
HypercallResult exchange(GuestVirtual argument, Result<> (*run)(Op&)) {
    Op op = TRY(fetch<Op>(argument));
    TRY(run(op));
    TRY(store(argument, op));
    return 0;
}

template <class Op, class Run>
HypercallResult input(GuestVirtual argument, Run run) {
    const Op op = TRY(fetch<Op>(argument));
    TRY(run(current_domain().events, op));
    return 0;
}

}  // namespace

HypercallResult do_event_channel_op(HypercallArguments& arguments) {
    const GuestVirtual argument{arguments.value[1]};
    if (arguments.value[0] > UINT32_MAX) return fail(Error::NotImplemented);
    switch (static_cast<EventChannelCommand>(arguments.value[0])) {
        case EventChannelCommand::BindInterdomain: return exchange(argument, bind_interdomain);
        case EventChannelCommand::BindVirq: return exchange(argument, bind_virq);
        case EventChannelCommand::BindPirq: return exchange(argument, bind_pirq);
        case EventChannelCommand::Status: return exchange(argument, get_status);
        case EventChannelCommand::AllocUnbound: return exchange(argument, alloc_unbound);
        case EventChannelCommand::BindIpi: return exchange(argument, bind_ipi);
        case EventChannelCommand::InitControl: return exchange(argument, init_control);
        case EventChannelCommand::Reset: return exchange(argument, reset);
        case EventChannelCommand::Close:
            return input<EventChannelClose>(
                argument, [](EventChannels& events, const auto& op) { return events.close(EventPort{op.port}); });
        case EventChannelCommand::Send:
            return input<EventChannelSend>(
                argument, [](EventChannels& events, const auto& op) { return events.send(EventPort{op.port}); });
        case EventChannelCommand::BindVcpu:
            return input<EventChannelBindVcpu>(argument, [](EventChannels& events, const auto& op) {
                return events.bind_vcpu(EventPort{op.port}, VcpuId{op.vcpu});
            });
        case EventChannelCommand::Unmask:
            return input<EventChannelUnmask>(
                argument, [](EventChannels& events, const auto& op) { return events.unmask(EventPort{op.port}); });
        case EventChannelCommand::ExpandArray:
            return input<EventChannelExpandArray>(
                argument, [](EventChannels& events, const auto& op) { return events.expand_array(Gfn{op.array_gfn}); });
        case EventChannelCommand::SetPriority:
            return input<EventChannelSetPriority>(argument, [](EventChannels& events, const auto& op) {
                return events.set_priority(EventPort{op.port}, op.priority);
            });
    }
    return fail(Error::NotImplemented);
}

// The first event_channel_op: command and structure are one.
HypercallResult do_event_channel_op_compat(HypercallArguments& arguments) {
    const GuestVirtual op{arguments.value[0]};
    const auto command = TRY(fetch<std::uint32_t>(op));
    if (command > static_cast<std::uint32_t>(EventChannelCommand::Unmask)) return fail(Error::NotImplemented);
    HypercallArguments now{{command, (op + kEventChannelCompatArgument).raw}};
    return do_event_channel_op(now);
}

}  // namespace hv
