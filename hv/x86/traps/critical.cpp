#include "hv/x86/traps/critical.hpp"

#include "hv/base/log.hpp"
#include "hv/x86/cpu/io.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/panic/panic.hpp"
#include "hv/x86/smp/watchdog.hpp"

extern "C" const char sysenter_entry[], sysenter_flags_saved[];

namespace hv::x86 {
namespace {

constexpr std::uint16_t kSystemControlB = 0x61;
constexpr std::uint8_t kMemoryParity = 0x80, kIoCheck = 0x40;

}  // namespace

void handle_nmi(TrapFrame& frame) {
    PerCpu& cpu = per_cpu();
    ++cpu.nmis;
    if (panic_started()) stop_in_panic(frame);
    watchdog_nmi(frame);
    const std::uint8_t reason = in8(kSystemControlB);
    // Reads as all ones where there is no such port.
    if (reason != 0xff && (reason & (kMemoryParity | kIoCheck)))
        panic("hardware NMI on CPU {}: {}", cpu.id, reason & kMemoryParity ? "memory parity (SERR)" : "I/O check");
}

// Two ways lead here, none of hv's making: a guest's breakpoint on memory that hv touched, perhaps held back until hv's
// first instruction, and SYSENTER with TF set. There the flag stays on until it is saved (pv/traps/compat_entry.S), so
// that the caller's single-stepping goes on after the system call.
void handle_hv_debug(TrapFrame& frame) {
    asm volatile("mov %0, %%dr6" : : "r"(std::uint64_t{0xffff0ff0}));
    const bool saving_flags = frame.rip >= reinterpret_cast<std::uint64_t>(sysenter_entry) &&
                              frame.rip < reinterpret_cast<std::uint64_t>(sysenter_flags_saved);
    if (!saving_flags) frame.rflags &= ~std::uint64_t{kRflagsTf};
}

}  // namespace hv::x86
