#include "hv/x86/vcpu/context_switch.hpp"

#include "hv/base/log.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/idle_domain.hpp"
#include "hv/domain/runstate.hpp"
#include "hv/hypercall/hypercall.hpp"
#include "hv/machine/clock.hpp"
#include "hv/machine/cpus.hpp"
#include "hv/machine/timer.hpp"
#include "hv/machine/vcpus.hpp"
#include "hv/sched/sched.hpp"
#include "hv/time/timer_queue.hpp"
#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/smp/ipi.hpp"
#include "hv/x86/traps/machine_check.hpp"
#include "hv/x86/traps/masked_time.hpp"
#include "hv/x86/vcpu/arch_vcpu.hpp"
#include "hv/x86/vcpu/debug_registers.hpp"
#include "hv/x86/vcpu/fpu.hpp"
#include "hv/x86/vcpu/guest_clock.hpp"
#include "hv/x86/vcpu/guest_kind.hpp"
#include "hv/x86/vcpu/idle.hpp"
#include "hv/x86/vcpu/predictions.hpp"
#include "hv/x86/vcpu/speculation_controls.hpp"
#include "hv/x86/vcpu/tsc_aux.hpp"

namespace hv {
namespace x86 {
namespace {

constexpr std::uint64_t kPreemptionMicroseconds = 200;
// Other CPUs can ask for timers or for another vCPU faster than this one serves them. What comes beyond so many rounds
// waits for an interrupt, which comes after those of devices.
constexpr unsigned kMostRounds = 8;

// Asks the CPU that ran `vcpu` last, which may be idle and still on its tables, to leave them: when the vCPU runs here,
// it can give up the very table that the other CPU is on.
void call_back(Vcpu& vcpu, CpuId here) {
    const CpuId there = vcpu.arch->loaded_on;
    vcpu.arch->loaded_on = here;
    if (there == here || there == kNoCpu) return;
    if (cpu_data(there).work.loaded.load(std::memory_order_acquire) != &vcpu) return;
    CpuSet asked;
    asked.set(there);
    call_on_cpus(
        asked,
        [](void* wanted) {
            if (per_cpu().work.loaded.load(std::memory_order_relaxed) == wanted) leave_address_space();
        },
        &vcpu);
}

// A CPU that becomes idle stays on the tables of the vCPU that it ran until it sleeps (idle.cpp): that one mostly comes
// back, and finds its TLB filled. Until then flushes reach this CPU.
void enter_address_space(CpuWork& work, CpuId cpu, Vcpu& next) {
    if (is_idle(next)) return;
    call_back(next, cpu);
    // Read only now: while this CPU waited in call_back(), another may have asked it to leave its tables.
    const Vcpu* old = work.loaded.load(std::memory_order_relaxed);
    if (old == &next && kind_of(next.domain).has_address_space(next)) return;
    // Set before the table is loaded: a flush that starts now must reach this CPU.
    next.domain.dirty_cpus.set(cpu);
    kind_of(next.domain).enter_address_space(next);
    // Must come last: a CPU that reads the new value here may free the tables of `old`.
    work.loaded.store(&next, std::memory_order_release);
    if (old && &old->domain != &next.domain) old->domain.dirty_cpus.clear(cpu);
}

// Ordering: set the request, then read `polls`. The idle CPU clears `polls` first and then reads requests, so one
// always sees the other.
void ask_for(CpuId cpu, std::atomic<bool> CpuWork::*what) {
    CpuWork& work = cpu_data(cpu).work;
    (work.*what).store(true, std::memory_order_seq_cst);
    if (cpu != current_cpu() && !work.polls.load(std::memory_order_seq_cst)) kick_cpu(cpu);
}

}  // namespace

void save_vcpu(Vcpu& vcpu, const TrapFrame& frame) {
    vcpu.arch->frame = frame;
    kind_of(vcpu.domain).save(vcpu);
    save_debug_registers(vcpu);
    save_fpu(vcpu);
}

void load_vcpu(Vcpu& vcpu, TrapFrame& frame) {
    separate_predictions(vcpu);
    frame = vcpu.arch->frame;
    kind_of(vcpu.domain).load(vcpu, frame);
    load_debug_registers(vcpu);
    load_fpu(vcpu);
    load_tsc_aux(vcpu);
    load_speculation_controls(vcpu);
    update_guest_clock(vcpu);
}

void do_cpu_work(TrapFrame& frame) {
    PerCpu& cpu = per_cpu();
    CpuWork& work = cpu.work;
    if (work.machine_checks.load(std::memory_order_relaxed)) [[unlikely]]
        report_machine_checks();
    for (unsigned round = 0; work.timers.load(std::memory_order_relaxed); ++round) {
        if (round == kMostRounds) {
            kick_cpu(cpu.id);
            break;
        }
        if (work.timers.exchange(false, std::memory_order_acq_rel)) time::update_timers();
    }
    // Again when loading a vCPU found that its domain is done for.
    for (unsigned round = 0; work.schedule.load(std::memory_order_relaxed); ++round) {
        if (round == kMostRounds) return kick_cpu(cpu.id);
        work.schedule.exchange(false, std::memory_order_acq_rel);
        work.reschedules.store(work.reschedules.load(std::memory_order_relaxed) + 2, std::memory_order_relaxed);
        Vcpu& previous = *cpu.current;
        const Nanoseconds now = time::now();
        check_timers(now);
        Vcpu& next = schedule(cpu.id, now);
        if (&next == &previous) return;
        if (!is_idle(previous)) save_vcpu(previous, frame);
        cpu.current = &next;
        enter_address_space(work, cpu.id, next);
        // What is on the stack is of the idle loop or another kind's way out, and not needed any more.
        const bool from_elsewhere = is_idle(previous) || previous.type != next.type;
        sched_context_saved(previous);  // and may be gone
        if (is_idle(next)) run_on_empty_stack(run_idle_loop);
        load_vcpu(next, frame);
        next.arch->runstate_late = !runstate_publish(next);
        if (from_elsewhere) kind_of(next.domain).resume();
    }
}

void begin_preemptible_work() {
    per_cpu().work.busy_since = 0;
}

void start_scheduling(CpuId cpu) {
    Vcpu& idle = idle_vcpu(cpu);
    cpu_data(cpu).current = &idle;
    sched_init_cpu(cpu, idle);
}

void leave_address_space() {
    PerCpu& cpu = per_cpu();
    const Vcpu* loaded = cpu.work.loaded.load(std::memory_order_relaxed);
    if (!loaded) return;
    Domain& domain = loaded->domain;
    kind_of(domain).leave_address_space();
    domain.dirty_cpus.clear(cpu.id);
    // Last: from here on its vCPU may run elsewhere, and end.
    cpu.work.loaded.store(nullptr, std::memory_order_release);
}

}  // namespace x86

void leave_address_spaces(Domain& domain) {
    struct Request {
        Domain* domain;
    } request{&domain};
    call_on_cpus(
        domain.dirty_cpus.snapshot(),
        [](void* argument) {
            auto& wanted = *static_cast<Request*>(argument);
            const Vcpu* loaded = x86::per_cpu().work.loaded.load(std::memory_order_relaxed);
            if (loaded && &loaded->domain == wanted.domain) x86::leave_address_space();
        },
        &request);
}

Vcpu& current_vcpu() {
    return *x86::per_cpu().current;
}

Domain& current_domain() {
    return current_vcpu().domain;
}

void request_reschedule(CpuId cpu) {
    x86::ask_for(cpu, &x86::CpuWork::schedule);
}

std::uint32_t unanswered_reschedule(CpuId cpu) {
    const x86::CpuWork& work = x86::cpu_data(cpu).work;
    if (!work.schedule.load(std::memory_order_relaxed)) return 0;
    return work.reschedules.load(std::memory_order_relaxed) | 1;
}

void request_timer_update(CpuId cpu) {
    x86::ask_for(cpu, &x86::CpuWork::timers);
}

bool preemption_needed() {
    x86::CpuWork& work = x86::per_cpu().work;
    if (work.schedule.load(std::memory_order_relaxed)) return true;
    // Interrupts are off: whatever waits is let in when a bounded time has passed.
    const std::uint64_t tsc = x86::read_tsc();
    if (work.busy_since == 0) work.busy_since = tsc;
    return tsc - work.busy_since > static_cast<std::uint64_t>(time::tsc_khz() / 1000 * x86::kPreemptionMicroseconds);
}

}  // namespace hv
