#include "hv/x86/vcpu/idle.hpp"

#include <atomic>

#include "hv/machine/clock.hpp"
#include "hv/sched/idle_poll.hpp"
#include "hv/x86/cpu/cpuid.hpp"
#include "hv/x86/cpu/leaks.hpp"
#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/smp/ipi.hpp"
#include "hv/x86/traps/masked_time.hpp"
#include "hv/x86/vcpu/context_switch.hpp"

namespace hv::x86 {
namespace {

void clear_buffers() {
    const std::uint16_t selector = kKernelData;  // of a writable segment: others only set a flag
    asm volatile("verw %0" : : "m"(selector) : "cc");
}

bool has_work(const CpuWork& work) {
    return work.schedule.load(std::memory_order_acquire) || work.timers.load(std::memory_order_acquire);
}

// Room for the processor's other thread. To QEMU's TCG it is a way out of translated code, through a lock that the CPU
// that brings the work needs as well.
void relax() {
    if (!emulated_by_tcg()) pause();
}

// With interrupts on, until there is work or `deadline` has come. A CPU that has work for this one meanwhile sends no
// interrupt.
void poll(CpuWork& work, Nanoseconds deadline) {
    work.polls.store(true, std::memory_order_seq_cst);
    asm volatile("sti" : : : "memory");
    while (!has_work(work) && time::now() < deadline) {
        masked_time_ends();  // an interrupt has come and gone
        relax();
    }
    asm volatile("cli" : : : "memory");
    work.polls.store(false, std::memory_order_seq_cst);
    // The last interrupt has ended. Work that was found without one is timed as if an interrupt had brought it.
    masked_time_ends();
    if (has_work(work)) masked_time_begins(kInterruptCause);
}

}  // namespace

void run_idle_loop() {
    PerCpu& cpu = per_cpu();
    Nanoseconds since = 0;  // this CPU waits for work; 0: it does not. Interrupts that bring none do not end a wait.
    for (;;) {
        do_cpu_work(*cpu.frame);
        answer_requests();
        masked_time_ends();
        if (has_work(cpu.work)) {
            // A guest that wakes and stops vCPUs here all the time must not keep interrupts out.
            asm volatile("sti; nop; cli" : : : "memory");
            continue;
        }
        if (since == 0) {
            since = time::now();
            if (cpu.idle_poll.window() != 0) poll(cpu.work, since + cpu.idle_poll.window());
        }
        if (!has_work(cpu.work)) {
            leave_address_space();
            // What this thread's share of the buffers holds goes to the one that runs on.
            if (at_work(Measure::VerwOnIdle)) clear_buffers();
            // An interrupt that arrives from here on ends the HLT.
            asm volatile("sti; hlt; cli" : : : "memory");
        }
        if (has_work(cpu.work)) {
            cpu.idle_poll.waited(time::now() - since);
            since = 0;
        }
        cpu.alive.fetch_add(1, std::memory_order_relaxed);
    }
}

}  // namespace hv::x86
