#include "hv/x86/smp/siblings.hpp"

#include "hv/x86/cpu/cpuid.hpp"
#include "hv/x86/cpu/leaks.hpp"
#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/cpu/spec_ctrl.hpp"

namespace hv::x86 {
namespace {

std::uint32_t core_of(CpuId cpu) {
    return cpu_data(cpu).apic_id >> cpu_model().smt_shift;
}

// A CPU with a lower number is a thread of the same core.
bool has_elder_sibling(CpuId cpu) {
    for (CpuId other : ids<CpuId>(cpu.raw))
        if (core_of(other) == core_of(cpu)) return true;
    return false;
}

}  // namespace

bool is_to_be_parked(CpuId cpu) {
    return at_work(Measure::SiblingsOff) && has_elder_sibling(cpu);
}

void park_this_cpu() {
    // What restricts the branches of one thread slows the other down as well.
    if (spec_ctrl_switched()) write_msr(Msr::SpecCtrl, 0);
    per_cpu().parked.store(true, std::memory_order_release);
    // Interrupts are off: only what cannot be masked ends the wait.
    for (;;) halt();
}

unsigned parked_cpus() {
    unsigned count = 0;
    for (CpuId cpu : ids<CpuId>(present_cpus())) count += cpu_data(cpu).parked.load(std::memory_order_acquire);
    return count;
}

}  // namespace hv::x86
