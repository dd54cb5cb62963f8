// vcpu_op: a guest brings its other vCPUs up and down, and says where hv is to publish what about them.
#include "hv/abi/xen/sched.hpp"
#include "hv/base/scope_guard.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/guest_kind.hpp"
#include "hv/domain/restartable_lock.hpp"
#include "hv/domain/runstate.hpp"
#include "hv/domain/vcpu_info.hpp"
#include "hv/domain/vcpu_timers.hpp"
#include "hv/hypercall/handlers.hpp"
#include "hv/machine/clock.hpp"
#include "hv/machine/vcpus.hpp"
#include "hv/memory/guest_access.hpp"
#include "hv/sched/sched.hpp"

namespace hv {

using namespace abi::xen;

namespace {

bool initialised(const Vcpu& vcpu) {
    return vcpu.flags.load(std::memory_order_relaxed) & kVcpuInitialised;
}

Result<> initialise(Vcpu& vcpu, GuestVirtual argument) {
    // Known without any work, and it stays so.
    if (initialised(vcpu)) return fail(Error::Exists);
    const OwnPtr<VcpuGuestContext> context = TRY(make_own<VcpuGuestContext>());
    TRY(copy_from_guest(context.get(), argument, sizeof *context));
    // Validating the page tables may take as long as a hypercall may, and each of many vCPUs may initialise another
    // one: no CPU queues behind that with interrupts off.
    TRY(lock_or_restart(vcpu.domain.lock));
    const ScopeGuard unlock{[&vcpu] { vcpu.domain.lock.unlock(); }};
    if (initialised(vcpu)) return fail(Error::Exists);
    return vcpu.domain.kind.set_context(vcpu, *context);
}

Result<> up(Vcpu& vcpu) {
    Guard guard{vcpu.domain.lock};
    if (!initialised(vcpu)) return fail(Error::BadArgument);
    if (vcpu.flags.fetch_and(~std::uint32_t{kVcpuDown}, std::memory_order_acq_rel) & kVcpuDown) sched_wake(vcpu);
    return {};
}

// Whether another vCPU of the domain is up. The domain's lock is held.
bool others_up(const Vcpu& vcpu) {
    const Domain& domain = vcpu.domain;
    for (VcpuId id : ids<VcpuId>(domain.max_vcpus)) {
        const Vcpu* other = domain.vcpu(id);
        if (other && other != &vcpu && !(other->flags.load(std::memory_order_relaxed) & kVcpuDown)) return true;
    }
    return false;
}

Result<> down(Vcpu& vcpu) {
    {
        Guard guard{vcpu.domain.lock};
        if (others_up(vcpu)) {
            vcpu.flags.fetch_or(kVcpuDown, std::memory_order_acq_rel);
            sched_sleep(vcpu);
            return {};
        }
    }
    // A domain without a vCPU is one that has switched itself off.
    vcpu.domain.shutdown(static_cast<std::uint32_t>(ShutdownReason::Poweroff));
    return {};
}

Result<> register_runstate(Vcpu& vcpu, GuestVirtual argument) {
    const auto op = TRY(fetch<VcpuRegisterArea>(argument));
    const GuestVirtual area{op.address};
    if (area.raw != 0) TRY(store(area, runstate_snapshot(vcpu, time::now())));
    vcpu.runstate_area = area;
    return {};
}

Result<> set_singleshot(Vcpu& vcpu, GuestVirtual argument) {
    if (&vcpu != &current_vcpu()) return fail(Error::BadArgument);
    const auto op = TRY(fetch<VcpuSetSingleshotTimer>(argument));
    return vcpu_set_singleshot_timer(vcpu, op.timeout_abs_ns, op.flags & kSingleshotFuture);
}

Result<> stop_singleshot(Vcpu& vcpu) {
    if (&vcpu != &current_vcpu()) return fail(Error::BadArgument);
    vcpu_stop_singleshot_timer(vcpu);
    return {};
}

Result<> set_periodic(Vcpu& vcpu, GuestVirtual argument) {
    const auto op = TRY(fetch<VcpuSetPeriodicTimer>(argument));
    if (op.period_ns == 0) return fail(Error::BadArgument);
    return vcpu_set_periodic_timer(vcpu, op.period_ns);
}

Result<> register_info(Vcpu& vcpu, GuestVirtual argument) {
    const auto op = TRY(fetch<VcpuRegisterVcpuInfo>(argument));
    return register_vcpu_info(vcpu, Gfn{op.mfn}, op.offset);
}

Result<> register_time(Vcpu& vcpu, GuestVirtual argument) {
    const auto op = TRY(fetch<VcpuRegisterArea>(argument));
    return register_time_area(vcpu, GuestVirtual{op.address});
}

// Means something only for a privileged vCPU that stays where it is.
Result<> get_physid(Vcpu& vcpu, GuestVirtual argument) {
    CpuSet hard, soft;
    sched_get_affinity(vcpu, hard, soft);
    if (!vcpu.domain.privileged || hard.count() != 1) return fail(Error::BadArgument);
    return store(argument, VcpuGetPhysid{.phys_id = physical_id(member_at<CpuId>(hard.next(0)))});
}

Result<> run(VcpuCommand command, Vcpu& vcpu, GuestVirtual argument) {
    switch (command) {
        case VcpuCommand::Initialise: return initialise(vcpu, argument);
        case VcpuCommand::Up: return up(vcpu);
        case VcpuCommand::Down: return down(vcpu);
        case VcpuCommand::GetRunstateInfo: return store(argument, runstate_snapshot(vcpu, time::now()));
        case VcpuCommand::RegisterRunstateMemoryArea: return register_runstate(vcpu, argument);
        case VcpuCommand::SetPeriodicTimer: return set_periodic(vcpu, argument);
        case VcpuCommand::StopPeriodicTimer: return vcpu_set_periodic_timer(vcpu, 0);
        case VcpuCommand::SetSingleshotTimer: return set_singleshot(vcpu, argument);
        case VcpuCommand::StopSingleshotTimer: return stop_singleshot(vcpu);
        case VcpuCommand::RegisterVcpuInfo: return register_info(vcpu, argument);
        case VcpuCommand::SendNmi: send_nmi(vcpu); return {};
        case VcpuCommand::GetPhysid: return get_physid(vcpu, argument);
        case VcpuCommand::RegisterVcpuTimeMemoryArea: return register_time(vcpu, argument);
        case VcpuCommand::IsUp: break;
    }
    return fail(Error::NotImplemented);
}

}  // namespace

// vcpu_op(command, vcpu, argument), on the vCPUs of the caller's domain.
HypercallResult do_vcpu_op(HypercallArguments& arguments) {
    const auto [number, id, address, r10, r8, r9] = arguments.value;
    if (number > UINT32_MAX) return fail(Error::NotImplemented);
    Vcpu* vcpu = id < kMaxVcpus ? current_domain().vcpu(VcpuId{static_cast<std::uint32_t>(id)}) : nullptr;
    if (!vcpu) return fail(Error::NoEntry);
    const auto command = static_cast<VcpuCommand>(number);
    if (command == VcpuCommand::IsUp) return vcpu->flags.load(std::memory_order_acquire) & kVcpuDown ? 0u : 1u;
    TRY(run(command, *vcpu, GuestVirtual{address}));
    return 0;
}

}  // namespace hv
