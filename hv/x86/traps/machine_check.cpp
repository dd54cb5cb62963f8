#include "hv/x86/traps/machine_check.hpp"

#include <algorithm>
#include <array>

#include "hv/base/log.hpp"
#include "hv/x86/console/console.hpp"
#include "hv/x86/cpu/cpuid.hpp"
#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/panic/panic.hpp"

namespace hv::x86 {
namespace {

constexpr std::uint64_t kCanGoOn = 1;  // of MCG_STATUS: the interrupted code can
constexpr std::uint64_t kBankValid = std::uint64_t{1} << 63;
constexpr std::uint64_t kBankUncorrected = std::uint64_t{1} << 61;

struct Noted {
    struct Bank {
        unsigned number;
        std::uint64_t status;
    };
    std::array<Bank, 4> banks{};
    unsigned count = 0;  // of all, also of those that found no room
};
// A machine check may strike while they are read: it is then logged twice, or only counted.
constinit std::array<Noted, kMaxCpus> noted{};

unsigned machine_check_banks() {
    return static_cast<unsigned>(read_msr(Msr::McgCap) & 0xff);
}
std::uint32_t bank_msr(unsigned bank, unsigned which) {
    return static_cast<std::uint32_t>(Msr::Mc0Ctl) + bank * 4 + which;
}

void note(PerCpu& cpu, unsigned bank, std::uint64_t status) {
    Noted& mine = noted[cpu.id.raw];
    if (mine.count < mine.banks.size()) mine.banks[mine.count] = {bank, status};
    ++mine.count;
    cpu.work.machine_checks.store(true, std::memory_order_relaxed);
    cpu.work.timers.store(true, std::memory_order_release);  // so that the way out looks
}

}  // namespace

void enable_machine_checks() {
    if (!cpu_has(Feature::Mce) || !cpu_has(Feature::Mca)) return;
    for (unsigned bank = 0; bank < machine_check_banks(); ++bank) {
        write_msr(bank_msr(bank, 0), ~std::uint64_t{0});
        write_msr(bank_msr(bank, 1), 0);
    }
    write_cr4(read_cr4() | kCr4Mce);
}

void handle_machine_check(TrapFrame& frame) {
    PerCpu& cpu = per_cpu();
    bool fatal = !(read_msr(Msr::McgStatus) & kCanGoOn);
    for (unsigned bank = 0; bank < machine_check_banks(); ++bank) {
        const std::uint64_t status = read_msr(bank_msr(bank, 1));
        if (!(status & kBankValid)) continue;
        fatal = fatal || (status & kBankUncorrected);
        note(cpu, bank, status);
        write_msr(bank_msr(bank, 1), 0);
    }
    write_msr(Msr::McgStatus, 0);
    if (!fatal) return;
    console_enter_panic();  // the code that it struck may hold the console's lock
    report_machine_checks();
    panic_trap(frame);
}

void report_machine_checks() {
    PerCpu& cpu = per_cpu();
    if (!cpu.work.machine_checks.exchange(false, std::memory_order_relaxed)) return;
    Noted& mine = noted[cpu.id.raw];
    const Noted found = mine;
    mine.count = 0;
    const std::size_t kept = std::min<std::size_t>(found.count, found.banks.size());
    for (std::size_t i = 0; i < kept; ++i)
        warn("CPU {}: machine check bank {}: status {:016x}", cpu.id, found.banks[i].number, found.banks[i].status);
    if (found.count > kept) warn("CPU {}: {} more machine checks", cpu.id, found.count - kept);
}

}  // namespace hv::x86
