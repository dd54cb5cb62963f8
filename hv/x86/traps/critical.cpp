#include "hv/x86/traps/critical.hpp"

#include <atomic>

#include "hv/base/log.hpp"
#include "hv/x86/cpu/cpuid.hpp"
#include "hv/x86/cpu/io.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/panic/panic.hpp"
#include "hv/x86/smp/watchdog.hpp"

extern "C" const char sysenter_entry[], sysenter_flags_saved[];

namespace hv::x86 {
namespace {

constexpr std::uint16_t kSystemControlB = 0x61;
constexpr std::uint8_t kMemoryParity = 0x80, kIoCheck = 0x40;

constexpr std::uint64_t kBankValid = std::uint64_t{1} << 63;
constexpr std::uint64_t kBankUncorrected = std::uint64_t{1} << 61;

unsigned machine_check_banks() {
    return static_cast<unsigned>(read_msr(Msr::McgCap) & 0xff);
}
std::uint32_t bank_msr(unsigned bank, unsigned which) {
    return static_cast<std::uint32_t>(Msr::Mc0Ctl) + bank * 4 + which;
}

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

void handle_machine_check(TrapFrame& frame) {
    const std::uint64_t status = read_msr(Msr::McgStatus);
    bool fatal = !(status & 1);  // the interrupted code cannot go on
    for (unsigned bank = 0; bank < machine_check_banks(); ++bank) {
        const std::uint64_t bank_status = read_msr(bank_msr(bank, 1));
        if (!(bank_status & kBankValid)) continue;
        fatal = fatal || (bank_status & kBankUncorrected);
        warn("CPU {}: machine check bank {}: status {:016x}", per_cpu().id, bank, bank_status);
        write_msr(bank_msr(bank, 1), 0);
    }
    write_msr(Msr::McgStatus, 0);
    if (fatal) panic_trap(frame);
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

void enable_machine_checks() {
    if (!cpu_has(Feature::Mce) || !cpu_has(Feature::Mca)) return;
    for (unsigned bank = 0; bank < machine_check_banks(); ++bank) {
        write_msr(bank_msr(bank, 0), ~std::uint64_t{0});
        write_msr(bank_msr(bank, 1), 0);
    }
    write_cr4(read_cr4() | kCr4Mce);
}

}  // namespace hv::x86
