#include "hv/x86/panic/debug_keys.hpp"

#include "hv/base/log.hpp"
#include "hv/machine/clock.hpp"
#include "hv/machine/console.hpp"
#include "hv/machine/cpus.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/panic/panic.hpp"

namespace hv::x86 {
namespace {

// One CPU after the other, so that their lines do not mix.
void dump_cpu(void*) {
    const PerCpu& cpu = per_cpu();
    info("CPU {} (APIC ID {}): {} NMIs, {} timer interrupts, TSC offset {}", cpu.id, cpu.apic_id, cpu.nmis,
         cpu.alive.load(std::memory_order_relaxed), cpu.tsc_offset);
    if (cpu.frame->from_guest())
        info("entered from a guest at {:04x}:{:016x}, stack {:016x}", cpu.frame->cs, cpu.frame->rip, cpu.frame->rsp);
    print_backtrace(reinterpret_cast<std::uint64_t>(__builtin_return_address(0)),
                    *static_cast<std::uint64_t*>(__builtin_frame_address(0)));
}

void dump_cpus(char) {
    for_each_bit(online_cpus(), [](CpuId cpu) {
        CpuSet one;
        one.set(cpu);
        call_on_cpus(one, dump_cpu, nullptr);
    });
}

void dump_time(char) {
    info("system time {} ns, TSC {} kHz, {}", time::now(), time::tsc_khz(),
         time::tsc_stable() ? "stable" : "not stable");
}

void crash(char) {
    panic("asked for on the console");
}

}  // namespace

void register_machine_debug_keys() {
    register_debug_key('d', "what every CPU is doing", dump_cpus);
    register_debug_key('t', "clocks", dump_time);
    register_debug_key('C', "panic", crash);
}

}  // namespace hv::x86
