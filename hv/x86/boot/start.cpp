// start_machine(): from the loader's entry to the core's. Everything is brought up in one order, one line a step.
#include <new>

#include "hv/base/log.hpp"
#include "hv/x86/acpi/acpi.hpp"
#include "hv/x86/apic/io_apic.hpp"
#include "hv/x86/apic/local_apic.hpp"
#include "hv/x86/boot/boot_info.hpp"
#include "hv/x86/boot/command_line.hpp"
#include "hv/x86/boot/core_seam.hpp"
#include "hv/x86/boot/early_memory.hpp"
#include "hv/x86/boot/multiboot.hpp"
#include "hv/x86/console/console.hpp"
#include "hv/x86/cpu/cpuid.hpp"
#include "hv/x86/cpu/leaks.hpp"
#include "hv/x86/cpu/microcode.hpp"
#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/cpu/processor_switches.hpp"
#include "hv/x86/cpu/returns.hpp"
#include "hv/x86/cpu/smap.hpp"
#include "hv/x86/cpu/switches.hpp"
#include "hv/x86/paging/direct_map.hpp"
#include "hv/x86/paging/hv_tables.hpp"
#include "hv/x86/panic/debug_keys.hpp"
#include "hv/x86/smp/ipi.hpp"
#include "hv/x86/smp/start_cpus.hpp"
#include "hv/x86/smp/watchdog.hpp"
#include "hv/x86/time/clock.hpp"
#include "hv/x86/traps/machine_check.hpp"
#include "hv/x86/traps/trap_frame.hpp"

namespace hv::x86 {
namespace {

constinit BootInfo info_from_loader{};
constinit BootOptions options{};

extern "C" char boot_stack_block[];
using Constructor = void (*)();
extern "C" const Constructor init_array_start[], init_array_end[];

// The boot tables' direct map: the first 4 GiB.
class LowMemory final : public PhysicalView {
  public:
    const void* at(std::uint64_t physical, std::size_t size) const override {
        constexpr std::uint64_t kEnd = std::uint64_t{4} << 30;
        return physical < kEnd && size <= kEnd - physical ? direct_map(physical) : nullptr;
    }
};

void use_early_stack() {
    const auto block = reinterpret_cast<std::uint64_t>(boot_stack_block);
    PerCpu& cpu = *new (&per_cpu_of_block(block)) PerCpu;
    cpu.stack_block = block;
    cpu.frame = reinterpret_cast<TrapFrame*>(&cpu) - 1;
}

void complain(std::string_view option, std::string_view why) {
    warn("command line: {}: {}", why, option);
}

void print_banner() {
    info("hv {} ({}), loaded by {}", HV_VERSION, sizeof(void*) == 8 ? "x86-64" : "?",
         info_from_loader.loader.empty() ? "an unknown loader" : info_from_loader.loader);
    info("command line: {}", info_from_loader.command_line);
}

void print_machine() {
    const CpuModel& model = cpu_model();
    info("CPU: {} family {} model {} stepping {}", model.brand[0] ? model.brand.data() : model.vendor_text.data(),
         model.family, model.model, model.stepping);
    for (const auto& entry : machine_memory_map())
        log(LogLevel::Debug, "memory {:012x} - {:012x} type {}", entry.start, entry.end(), entry.type);
    for (const auto& module : info_from_loader.modules)
        info("module at {:x}, {} KiB: {}", module.start, module.size / 1024, module.text);
    std::uint64_t free = 0;
    for (const auto& range : usable_memory()) free += range.size();
    info("memory: {} MiB free, RAM ends at {:x}", free >> 20, end_of_ram());
}

[[noreturn]] void start_on_own_stack() {
    load_descriptors(per_cpu());
    enable_cpu_features();
    enable_machine_checks();
    load_boot_microcode();
    if (processor_says_otherwise()) look_again_at_processor();
    set_processor_switches();
    mark_online(CpuId{0});
    print_machine();
    report_leaks();
    read_acpi();
    silence_8259();
    choose_local_apic_mode();
    start_local_apic();
    start_io_apics();
    start_clock();
    add_cpus();
    register_machine_debug_keys();
    enable_console_interrupts();
    take_over_memory();
    start_cpus();
    start_watchdog();
    run_on_empty_stack(start_core);
}

}  // namespace

const BootInfo& boot_info() {
    return info_from_loader;
}
const BootOptions& boot_options() {
    return options;
}

extern "C" [[noreturn]] void start_machine(std::uint32_t magic, std::uint32_t information) {
    note_start_of_time();
    use_early_stack();
    for (const Constructor* constructor = init_array_start; constructor != init_array_end; ++constructor)
        (*constructor)();
    const Result<> decoded = decode_multiboot(magic, information, LowMemory{}, info_from_loader);
    options = parse_command_line(info_from_loader.command_line, [](std::string_view, std::string_view) {});
    start_console(options, info_from_loader.display);
    print_banner();
    parse_command_line(info_from_loader.command_line, complain);
    if (!decoded) panic("the boot loader's information cannot be read (magic {:x}): error {}", magic, decoded.error());
    identify_cpu();
    decide_mitigations();
    if (isolation_at_work()) disable_global_pages();
    start_early_memory(info_from_loader);
    patch_smap();
    set_switches();
    set_returns();
    start_paging();
    build_idt();
    PerCpu& cpu = add_cpu(0);
    enter_cpu_stack(cpu, start_on_own_stack);
}

}  // namespace hv::x86
