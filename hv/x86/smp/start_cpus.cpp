#include "hv/x86/smp/start_cpus.hpp"

#include <atomic>
#include <cstring>

#include "hv/base/log.hpp"
#include "hv/machine/clock.hpp"
#include "hv/x86/acpi/acpi.hpp"
#include "hv/x86/apic/local_apic.hpp"
#include "hv/x86/boot/command_line.hpp"
#include "hv/x86/boot/core_seam.hpp"
#include "hv/x86/boot/early_memory.hpp"
#include "hv/x86/cpu/cpuid.hpp"
#include "hv/x86/cpu/leaks.hpp"
#include "hv/x86/cpu/microcode.hpp"
#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/cpu/processor_switches.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/cpu/spec_ctrl.hpp"
#include "hv/x86/paging/direct_map.hpp"
#include "hv/x86/paging/hv_tables.hpp"
#include "hv/x86/smp/ipi.hpp"
#include "hv/x86/smp/siblings.hpp"
#include "hv/x86/smp/tsc_check.hpp"
#include "hv/x86/traps/machine_check.hpp"

extern "C" {
std::uint64_t secondary_root = 0;
void* secondary_stack = nullptr;
extern const char trampoline_start[], trampoline_end[];
}

namespace hv::x86 {
namespace {

constexpr Nanoseconds kPatience = 10'000'000'000;  // an emulator with more CPUs than its host is slow

void wait(Nanoseconds duration) {
    const Nanoseconds until = time::now() + duration;
    while (time::now() < until) pause();
}

bool wait_until_done(const std::atomic<bool>& done, Nanoseconds patience) {
    const Nanoseconds until = time::now() + patience;
    while (!done.load(std::memory_order_acquire)) {
        if (time::now() > until) return false;
        spin_pause();
    }
    return true;
}

// Intel SDM volume 3, "MP Initialization Protocol": INIT, 10 ms, SIPI, and a second SIPI for a CPU that missed the
// first.
bool start_one(PerCpu& cpu) {
    secondary_stack = cpu.frame;
    const auto page = static_cast<std::uint8_t>(trampoline_page() >> kPageShift);
    send_init(cpu.apic_id);
    wait(cpu_has(Feature::Hypervisor) ? 100'000 : 10'000'000);
    send_startup(cpu.apic_id, page);
    if (!wait_until_tsc_check(cpu.id, 100'000'000)) send_startup(cpu.apic_id, page);
    if (!wait_until_tsc_check(cpu.id, kPatience)) return false;
    compare_tsc(cpu.id);
    log(LogLevel::Debug, "CPU {} is up", cpu.id);
    return wait_until_done(is_to_be_parked(cpu.id) ? cpu.parked : cpu.online, kPatience);
}

}  // namespace

void add_cpus() {
    std::uint32_t present = 0, unusable = 0;
    const std::uint32_t self = local_apic_id();
    per_cpu().apic_id = self;
    for (const auto& entry : acpi().madt.cpus) {
        if (!entry.enabled) continue;
        ++present;
        if (entry.apic_id == self) continue;
        // Without interrupt remapping no device interrupt reaches an ID above 254, and xAPIC has no such ID at all.
        if (!local_apic_present() || entry.apic_id >= 255) {
            ++unusable;
            continue;
        }
        if (present_cpus() < boot_options().max_cpus && present_cpus() < kMaxCpus) add_cpu(entry.apic_id);
    }
    if (unusable) warn("{} CPUs have APIC IDs that cannot be used", unusable);
}

void start_cpus() {
    if (present_cpus() > 1 && trampoline_page() == 0) {
        warn("no memory below 1 MiB: the other CPUs stay off");
        return;
    }
    secondary_root = hv_root();
    std::memcpy(direct_map(trampoline_page()), trampoline_start,
                static_cast<std::size_t>(trampoline_end - trampoline_start));
    for (CpuId cpu{1}; cpu.raw < present_cpus(); ++cpu)
        if (!start_one(cpu_data(cpu))) warn("CPU {} (APIC ID {}) does not start", cpu, cpu_data(cpu).apic_id);
    info("{} of {} CPUs online", online_cpus().count(), present_cpus());
    if (const unsigned parked = parked_cpus())
        info("{} CPUs are parked: of threads that share a core one is used (smt= on the command line)", parked);
}

extern "C" [[noreturn]] void start_secondary() {
    PerCpu& cpu = per_cpu();
    enable_cpu_features();
    load_descriptors(cpu);
    flush_local_tlb();
    // A trap leaves SPEC_CTRL alone before this CPU is known to have it (PerCpu::has_spec_ctrl).
    cpu.guest_spec_ctrl = hv_spec_ctrl;
    load_boot_microcode_here();
    start_local_apic();
    enable_machine_checks();
    if (!leaks_like_the_boot_cpu()) {
        warn("CPU {} lacks what the boot CPU has against leaks: it stays off", cpu.id);
        for (;;) halt();
    }
    set_processor_switches();
    answer_tsc_check(cpu.id);
    if (is_to_be_parked(cpu.id)) park_this_cpu();
    mark_online(cpu.id);
    run_on_empty_stack(idle_loop);
}

}  // namespace hv::x86
