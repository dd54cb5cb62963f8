#include "hv/x86/vcpu/context_switch.hpp"

#include "hv/base/log.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/idle_domain.hpp"
#include "hv/domain/runstate.hpp"
#include "hv/hypercall/hypercall.hpp"
#include "hv/sched/sched.hpp"
#include "hv/sched/seams.hpp"
#include "hv/time/clock.hpp"
#include "hv/time/timer_hardware.hpp"
#include "hv/time/timer_queue.hpp"
#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/cpu/segments.hpp"
#include "hv/x86/pv/descriptors/descriptors.hpp"
#include "hv/x86/pv/descriptors/segments.hpp"
#include "hv/x86/pv/mmu/base_pointers.hpp"
#include "hv/x86/pv/mmu/hv_slots.hpp"
#include "hv/x86/pv/traps/guest_cr4.hpp"
#include "hv/x86/smp/ipi.hpp"
#include "hv/x86/traps/masked_time.hpp"
#include "hv/x86/vcpu/arch_vcpu.hpp"
#include "hv/x86/vcpu/debug_registers.hpp"
#include "hv/x86/vcpu/fpu.hpp"
#include "hv/x86/vcpu/guest_clock.hpp"
#include "hv/x86/vcpu/tsc_aux.hpp"

namespace hv {
namespace x86 {
namespace {

constexpr std::uint64_t kPreemptionMicroseconds = 200;
// Other CPUs can ask for timers or for another vCPU faster than this one serves them. What comes beyond so many rounds
// waits for an interrupt, behind those of devices.
constexpr unsigned kMostRounds = 8;

void leave_address_space(CpuWork& work, CpuId cpu) {
    if (work.loaded) work.loaded->domain.dirty_cpus.clear(cpu);
    work.loaded = nullptr;
    work.linear_slots = nullptr;
}

// An interrupt of ring 3 leaves the stack segment null, and AMD's SYSRET takes over what the segment
// says besides its selector (APM volume 3, "SYSRET"): the next vCPU, if it leaves that way, would find
// that 32-bit code of its cannot use its stack.
void load_stack_segment() {
    asm volatile("mov %0, %%ss" : : "r"(std::uint32_t{kKernelData}));
}

// An idle CPU is on hv's own table.
void enter_address_space(CpuWork& work, CpuId cpu, Vcpu& next) {
    const Vcpu* old = work.loaded;
    if (is_idle(next)) {
        write_cr3(hv_page_table().raw);
        if (old) leave_address_space(work, cpu);
        return;
    }
    // Set before the table is loaded: a flush that starts now must reach this CPU.
    next.domain.dirty_cpus.set(cpu);
    work.loaded = &next;
    work.linear_slots = next.domain.linear_tables ? &next.domain.arch->linear_slots : nullptr;
    load_page_table(next);
    if (old && &old->domain != &next.domain) old->domain.dirty_cpus.clear(cpu);
}

}  // namespace

void save_vcpu(Vcpu& vcpu, const TrapFrame& frame) {
    ArchVcpu& arch = *vcpu.arch;
    arch.frame = frame;
    save_segments(vcpu);
    save_debug_registers(vcpu);
    save_fpu(vcpu);
}

void load_vcpu(Vcpu& vcpu, TrapFrame& frame) {
    load_stack_segment();
    load_descriptor_tables(vcpu);
    const bool segments_good = load_segments(vcpu);
    load_debug_registers(vcpu);
    load_fpu(vcpu);
    load_time_stamp_disable(vcpu);
    load_tsc_aux(vcpu);
    frame = vcpu.arch->frame;
    update_guest_clock(vcpu);
    if (!segments_good) [[unlikely]]
        deliver_failsafe(vcpu, frame);
}

void do_cpu_work(TrapFrame& frame) {
    PerCpu& cpu = per_cpu();
    CpuWork& work = cpu.work;
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
        Vcpu& previous = *cpu.current;
        const Nanoseconds now = time::now();
        check_timers(now);
        Vcpu& next = schedule(cpu.id, now);
        if (&next == &previous) return;
        if (!is_idle(previous)) save_vcpu(previous, frame);
        cpu.current = &next;
        // Before the previous vCPU may run elsewhere: there it can give up the very table that this CPU is on.
        enter_address_space(work, cpu.id, next);
        sched_context_saved(previous);
        if (is_idle(next)) run_on_empty_stack(run_idle_loop);
        load_vcpu(next, frame);
        next.arch->runstate_late = !runstate_publish(next);
        if (is_idle(previous)) resume_guest();  // the idle loop's stack is not needed any more
    }
}

void run_idle_loop() {
    PerCpu& cpu = per_cpu();
    for (;;) {
        do_cpu_work(*cpu.frame);
        answer_requests();
        masked_time_ends();
        if (cpu.work.schedule.load(std::memory_order_acquire) || cpu.work.timers.load(std::memory_order_acquire)) {
            // Whoever wakes and stops vCPUs here all the time must not keep interrupts out.
            asm volatile("sti; nop; cli" : : : "memory");
            continue;
        }
        // An interrupt that arrives from here on ends the HLT.
        asm volatile("sti; hlt; cli" : : : "memory");
        cpu.alive.fetch_add(1, std::memory_order_relaxed);
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

// Before a domain's memory goes: no CPU runs on its page tables any more.
void forget_address_space(Domain& domain) {
    struct Request {
        Domain* domain;
    } request{&domain};
    call_on_cpus(
        domain.dirty_cpus.snapshot(),
        [](void* argument) {
            auto& wanted = *static_cast<Request*>(argument);
            PerCpu& cpu = per_cpu();
            if (!cpu.work.loaded || &cpu.work.loaded->domain != wanted.domain) return;
            write_cr3(hv_page_table().raw);
            leave_address_space(cpu.work, cpu.id);
        },
        &request);
}

}  // namespace x86

Vcpu& current_vcpu() {
    return *x86::per_cpu().current;
}

Domain& current_domain() {
    return current_vcpu().domain;
}

void request_reschedule(CpuId cpu) {
    x86::cpu_data(cpu).work.schedule.store(true, std::memory_order_release);
    if (cpu != current_cpu()) kick_cpu(cpu);
}

void request_timer_update(CpuId cpu) {
    x86::cpu_data(cpu).work.timers.store(true, std::memory_order_release);
    if (cpu != current_cpu()) kick_cpu(cpu);
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
