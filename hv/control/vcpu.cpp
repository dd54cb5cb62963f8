// The control interface's part about vCPUs: registers, where they may run, and the shares of their domain.
#include "hv/domain/vcpu.hpp"

#include "hv/control/operation.hpp"
#include "hv/control/vcpu_state.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/guest_kind.hpp"
#include "hv/domain/runstate.hpp"
#include "hv/machine/clock.hpp"
#include "hv/machine/vcpus.hpp"
#include "hv/memory/guest_access.hpp"
#include "hv/sched/sched.hpp"
#include "hv/time/timer_queue.hpp"

namespace hv {
namespace {

using abi::xen::VcpuGuestContext;

Result<OwnPtr<VcpuGuestContext>> new_context() {
    return make_own<VcpuGuestContext>();
}

Result<Vcpu*> vcpu_of(Domain& domain, VcpuId id) {
    Vcpu* vcpu = domain.vcpu(id);
    if (!vcpu) return fail(Error::NoEntry);
    return vcpu;
}

Result<> fetch_set(CpuSet& set, std::uint64_t address, std::uint32_t bits) {
    std::uint64_t words[CpuSet::kWords] = {};
    const std::uint32_t known = bits < kMaxCpus ? bits : kMaxCpus;
    TRY(copy_from_guest(words, GuestVirtual{address}, (known + 7) / 8));
    for (std::size_t i = 0; i < CpuSet::kWords; ++i) set.set_word(i, words[i]);
    for (CpuId cpu{known}; cpu.raw < kMaxCpus; ++cpu) set.clear(cpu);
    return {};
}

Result<> store_set(const CpuSet& set, std::uint64_t address, std::uint32_t bits) {
    constexpr std::uint32_t kMostBits = kPageSize * 8;  // bounded work; no machine has more CPUs
    if (bits > kMostBits) return fail(Error::TooBig);
    std::uint64_t words[CpuSet::kWords];
    for (std::size_t i = 0; i < CpuSet::kWords; ++i) words[i] = set.word(i);
    const std::uint32_t known = bits < kMaxCpus ? bits : kMaxCpus;
    TRY(copy_to_guest(GuestVirtual{address}, words, (known + 7) / 8));
    return clear_guest(GuestVirtual{address} + (known + 7) / 8, (bits + 7) / 8 - (known + 7) / 8);
}

void add_common_records(Vcpu& vcpu, VcpuStateWriter& state) {
    const Nanoseconds now = time::now();
    const std::uint32_t flags = vcpu.flags.load();
    control::VcpuExecution execution{};
    execution.flags = (flags & kVcpuDown ? 0 : control::kExecutionOnline) |
                      (flags & kVcpuBlocked ? control::kExecutionBlocked : 0) |
                      (nmi_pending(vcpu) ? control::kExecutionNmiPending : 0);
    const abi::xen::VcpuRunstateInfo runstate = runstate_snapshot(vcpu, now);
    for (unsigned i = 0; i < 4; ++i) execution.state_time_ns[i] = runstate.time[i];
    state.add(control::VcpuRecordKind::Execution, execution);

    const auto due = [](const Timer& timer) {
        return timer_pending(timer) ? static_cast<std::uint64_t>(timer_deadline(timer)) : 0;
    };
    const auto period = static_cast<std::uint64_t>(vcpu.period.load());
    state.add(control::VcpuRecordKind::Timers,
              // It does not run while the vCPU does not.
              control::VcpuTimers{
                  .now = static_cast<std::uint64_t>(now),
                  .singleshot = due(vcpu.singleshot_timer),
                  .periodic = period == 0 ? 0 : static_cast<std::uint64_t>(timer_deadline(vcpu.periodic_timer)),
                  .period = period});
}

}  // namespace

Result<> op_get_vcpu_state(control::GetVcpuState& request) {
    if (request.reserved0 != 0) return fail(Error::BadArgument);
    const DomainRef domain = TRY(find_domain(DomainId{request.domain}));
    if (&*domain == &current_domain()) return fail(Error::BadArgument);
    Vcpu* vcpu = TRY(vcpu_of(*domain, VcpuId{request.vcpu}));
    if (!(vcpu->flags.load() & kVcpuInitialised)) return fail(Error::NoEntry);
    VcpuStateWriter state{GuestVirtual{request.buffer}, request.capacity};
    domain->pause();
    add_common_records(*vcpu, state);
    const Result<> added = domain->kind.add_state_records(*vcpu, state);
    domain->unpause();
    TRY(added);
    request.size = state.size();
    return state.outcome();
}

Result<> op_get_vcpu_context(control::VcpuContext& request) {
    if (request.size < sizeof(VcpuGuestContext)) return fail(Error::BadArgument);
    const DomainRef domain = TRY(find_domain(DomainId{request.domain}));
    if (&*domain == &current_domain()) return fail(Error::BadArgument);
    Vcpu* vcpu = TRY(vcpu_of(*domain, VcpuId{request.vcpu}));
    if (!(vcpu->flags.load() & kVcpuInitialised)) return fail(Error::NoEntry);
    const auto context = TRY(new_context());
    domain->pause();
    domain->kind.get_context(*vcpu, *context);
    domain->unpause();
    return copy_to_guest(GuestVirtual{request.buffer}, context.get(), sizeof *context);
}

Result<> op_set_vcpu_context(control::VcpuContext& request) {
    if (request.size < sizeof(VcpuGuestContext)) return fail(Error::BadArgument);
    const DomainRef domain = TRY(find_domain(DomainId{request.domain}));
    if (!domain->paused_by_control.load()) return fail(Error::Busy);
    Vcpu* vcpu = TRY(vcpu_of(*domain, VcpuId{request.vcpu}));
    const auto context = TRY(new_context());
    TRY(copy_from_guest(context.get(), GuestVirtual{request.buffer}, sizeof *context));
    Guard guard{domain->lock};
    // Its tear-down, which begins under that lock, gives the same tables up.
    if (domain->dying.load() != Dying::Alive) return fail(Error::NoDomain);
    TRY(domain->kind.set_context(*vcpu, *context));
    if (context->flags & abi::xen::kVgcfOnline || request.vcpu == 0) vcpu->flags.fetch_and(~std::uint32_t{kVcpuDown});
    return {};
}

Result<> op_get_vcpu_info(control::GetVcpuInfo& request) {
    const DomainRef domain = TRY(find_domain(DomainId{request.domain}));
    Vcpu* vcpu = TRY(vcpu_of(*domain, VcpuId{request.vcpu}));
    const abi::xen::VcpuRunstateInfo runstate = runstate_snapshot(*vcpu, time::now());
    const std::uint32_t flags = vcpu->flags.load();
    request.online = flags & kVcpuDown ? 0 : 1;
    request.initialised = flags & kVcpuInitialised ? 1 : 0;
    request.state = runstate.state;
    request.cpu = vcpu->cpu.load().raw;
    for (unsigned i = 0; i < 4; ++i) request.state_time_ns[i] = runstate.time[i];
    return {};
}

Result<> op_get_vcpu_affinity(control::VcpuAffinity& request) {
    const DomainRef domain = TRY(find_domain(DomainId{request.domain}));
    Vcpu* vcpu = TRY(vcpu_of(*domain, VcpuId{request.vcpu}));
    CpuSet hard, soft;
    sched_get_affinity(*vcpu, hard, soft);
    if (request.hard) TRY(store_set(hard, request.hard, request.bits));
    if (request.soft) TRY(store_set(soft, request.soft, request.bits));
    return {};
}

Result<> op_set_vcpu_affinity(control::VcpuAffinity& request) {
    const DomainRef domain = TRY(find_domain(DomainId{request.domain}));
    Vcpu* vcpu = TRY(vcpu_of(*domain, VcpuId{request.vcpu}));
    CpuSet hard, soft;
    if (request.hard) TRY(fetch_set(hard, request.hard, request.bits));
    if (request.soft) TRY(fetch_set(soft, request.soft, request.bits));
    return sched_set_affinity(*vcpu, request.hard ? &hard : nullptr, request.soft ? &soft : nullptr);
}

Result<> op_get_sched_parameters(control::SchedParameters& request) {
    const DomainRef domain = TRY(find_domain(DomainId{request.domain}));
    sched_get_parameters(*domain, request);
    return {};
}

Result<> op_set_sched_parameters(control::SchedParameters& request) {
    const DomainRef domain = TRY(find_domain(DomainId{request.domain}));
    return sched_set_parameters(*domain, request);
}

}  // namespace hv
