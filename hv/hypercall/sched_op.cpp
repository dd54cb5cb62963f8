// sched_op: a vCPU gives up its time or waits, a domain ends.
#include "hv/abi/xen/sched.hpp"

#include "hv/domain/domain.hpp"
#include "hv/hypercall/handlers.hpp"
#include "hv/hypercall/sched_poll.hpp"
#include "hv/memory/guest_access.hpp"
#include "hv/sched/sched.hpp"

namespace hv {

using namespace abi::xen;

namespace {

HypercallResult block() {
    current_vcpu().block();
    return 0;
}

HypercallResult yield() {
    sched_yield(current_vcpu());
    return 0;
}

HypercallResult shutdown(Domain& domain, std::uint64_t reason) {
    if (reason > kShutdownReasonMax) return fail(Error::BadArgument);
    domain.shutdown(static_cast<std::uint32_t>(reason));
    return 0;
}

HypercallResult remote_shutdown(GuestVirtual argument) {
    const auto op = TRY(fetch<SchedRemoteShutdown>(argument));
    const DomainRef domain = TRY(find_target_domain(DomainId{op.domid}));
    if (!current_domain().privileged || &*domain == &current_domain()) return fail(Error::NotPermitted);
    return shutdown(*domain, op.reason);
}

// The reason is settled now, whatever ends the domain later.
HypercallResult shutdown_code(GuestVirtual argument) {
    const auto op = TRY(fetch<SchedShutdown>(argument));
    if (op.reason > kShutdownReasonMax) return fail(Error::BadArgument);
    Domain& domain = current_domain();
    Guard guard{domain.lock};
    if (domain.announced_shutdown != kNoShutdownAnnounced || domain.shut_down) return fail(Error::Busy);
    domain.announced_shutdown = op.reason;
    return 0;
}

HypercallResult watchdog(GuestVirtual argument) {
    const auto op = TRY(fetch<SchedWatchdog>(argument));
    return TRY(current_domain().watchdogs.set(op.id, op.timeout));
}

HypercallResult pin_override(GuestVirtual argument) {
    if (!current_domain().privileged) return fail(Error::NotPermitted);
    const auto op = TRY(fetch<SchedPinOverride>(argument));
    TRY(sched_pin_override(current_vcpu(), op.pcpu < 0 ? kNoCpu : CpuId{static_cast<std::uint32_t>(op.pcpu)}));
    return 0;
}

}  // namespace

HypercallResult do_sched_op(HypercallArguments& arguments) {
    const GuestVirtual argument{arguments.value[1]};
    if (arguments.value[0] > UINT32_MAX) return fail(Error::NotImplemented);
    switch (static_cast<SchedCommand>(arguments.value[0])) {
        case SchedCommand::Yield: return yield();
        case SchedCommand::Block: return block();
        case SchedCommand::Shutdown: {
            const auto op = TRY(fetch<SchedShutdown>(argument));
            return shutdown(current_domain(), op.reason);
        }
        case SchedCommand::Poll: return sched_poll(argument);
        case SchedCommand::RemoteShutdown: return remote_shutdown(argument);
        case SchedCommand::ShutdownCode: return shutdown_code(argument);
        case SchedCommand::Watchdog: return watchdog(argument);
        case SchedCommand::PinOverride: return pin_override(argument);
    }
    return fail(Error::NotImplemented);
}

// The first sched_op: the reason for a shutdown is the argument itself.
HypercallResult do_sched_op_compat(HypercallArguments& arguments) {
    if (arguments.value[0] > UINT32_MAX) return fail(Error::NotImplemented);
    switch (static_cast<SchedCommand>(arguments.value[0])) {
        case SchedCommand::Yield: return yield();
        case SchedCommand::Block: return block();
        case SchedCommand::Shutdown: return shutdown(current_domain(), arguments.value[1]);
        default: return fail(Error::NotImplemented);
    }
}

}  // namespace hv
