#include "hv/x86/cpu/microcode.hpp"

#include <array>
#include <atomic>
#include <cstring>

#include "hv/base/log.hpp"
#include "hv/machine/cpus.hpp"
#include "hv/x86/boot/boot_info.hpp"
#include "hv/x86/boot/command_line.hpp"
#include "hv/x86/boot/early_memory.hpp"
#include "hv/x86/boot/module_bytes.hpp"
#include "hv/x86/boot/module_roles.hpp"
#include "hv/x86/cpu/cpuid.hpp"
#include "hv/x86/cpu/leaks.hpp"
#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/cpu/processor_switches.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/cpu/switches.hpp"
#include "hv/x86/cpu/try_msr.hpp"
#include "hv/x86/paging/direct_map.hpp"
#include "hv/x86/smp/standstill.hpp"
#include "hv/x86/vcpu/speculation_controls.hpp"

namespace hv::x86 {
namespace {

constexpr std::size_t kIntelHeaderBytes = 48;

constinit std::array<std::uint32_t, kMaxCpus> revisions{};
constinit MicrocodeUpdate at_boot{};
constinit std::atomic<bool> loading{false};

bool is_intel() {
    return cpu_model().vendor == Vendor::Intel;
}
bool has_microcode() {
    return is_intel() || cpu_model().vendor == Vendor::Amd || cpu_model().vendor == Vendor::Hygon;
}

// The patch must be 16-byte aligned. A CPU that does not like it goes on with what it has.
void load_here(Bytes patch) {
    const auto address = reinterpret_cast<std::uint64_t>(patch.data());
    if (is_intel()) {
        // Some lose what is in their caches on the way.
        asm volatile("wbinvd" : : : "memory");
        (void)try_write_msr(static_cast<std::uint32_t>(Msr::IntelMicrocodeUpdate), address + kIntelHeaderBytes);
    } else {
        (void)try_write_msr(static_cast<std::uint32_t>(Msr::AmdMicrocodeUpdate), address);
    }
    revisions[per_cpu().id] = read_microcode_revision();
}

const char* reason(Error error) {
    switch (error) {
        case Error::BadArgument: return "the file is damaged, or none for this vendor's processors";
        case Error::NoEntry: return "there is nothing in it for this processor";
        case Error::Exists: return "there is nothing newer in it";
        case Error::NotSupported: return "this processor takes none, or not while programs run";
        case Error::Busy: return "another update is under way";
        default: return "no memory";
    }
}

// What the processor says of itself has changed.
void look_again(void*) {
    identify_cpu();
    decide_mitigations_again();
    if (isolation_at_work()) disable_global_pages();  // identify_cpu() knows nothing of it
    set_switches();
}

// On each CPU, afterwards.
void use_what_is_new(void*) {
    set_processor_switches();
    refresh_speculation_controls(per_cpu());
}

// The first CPU that has not come to `revision`; kMaxCpus: there is none.
std::size_t left_behind(std::uint32_t revision) {
    std::size_t found = kMaxCpus;
    for_each_bit(online_cpus(), [&](std::size_t cpu) {
        if (revisions[cpu] != revision && found == kMaxCpus) found = cpu;
    });
    return found;
}

Bytes file_at_boot() {
    const BootInfo& boot = boot_info();
    const ModuleRoles roles = assign_modules(boot.modules.size(), boot_options().microcode);
    if (roles.microcode) return bytes_of(boot.modules[*roles.microcode]);
    if (boot_options().microcode.module)
        warn("ucode=: the boot loader gave {} modules, and none of them is that one, or it is Dom0's kernel",
             boot.modules.size());
    if (!boot_options().microcode.scan) return {};
    for (const BootModule& module : boot.modules)
        if (const Bytes found = find_microcode(bytes_of(module), cpu_model().vendor); !found.empty()) return found;
    info("ucode=scan: no module has microcode for this vendor's processors");
    return {};
}

}  // namespace

std::uint32_t read_microcode_revision() {
    if (!has_microcode()) return 0;
    if (!is_intel()) return static_cast<std::uint32_t>(read_msr(Msr::MicrocodeRevision));
    // CPUID writes it there.
    write_msr(Msr::MicrocodeRevision, 0);
    (void)cpuid(1);
    return static_cast<std::uint32_t>(read_msr(Msr::MicrocodeRevision) >> 32);
}

std::uint32_t microcode_revision(CpuId cpu) {
    return revisions[cpu];
}

MicrocodeTarget microcode_target() {
    constexpr unsigned kPlatformShift = 50;
    const std::uint64_t platform = is_intel() ? read_msr(Msr::IntelPlatformId) >> kPlatformShift & 7 : 0;
    return {.vendor = cpu_model().vendor,
            .signature = cpuid(1).eax,
            .platform_flags = 1u << platform,
            .revision = read_microcode_revision()};
}

void load_boot_microcode() {
    revisions[per_cpu().id] = read_microcode_revision();
    const Bytes file = file_at_boot();
    if (file.empty()) return;
    const MicrocodeTarget target = microcode_target();
    const Result<MicrocodeUpdate> update = choose_microcode(file, target, false);
    if (!update) {
        info("microcode {:x} stays: {}", target.revision, reason(update.error()));
        return;
    }
    auto* copy = static_cast<std::byte*>(direct_map(allocate_early(update->patch.size())));
    std::memcpy(copy, update->patch.data(), update->patch.size());
    at_boot = *update;
    at_boot.patch = {copy, update->patch.size()};
    load_here(at_boot.patch);
    if (revisions[per_cpu().id] != at_boot.revision) {
        warn("microcode {:x} was refused by the processor: {:x} stays", at_boot.revision, revisions[per_cpu().id]);
        at_boot.patch = {};
        return;
    }
    info("microcode: revision {:x}, was {:x}", at_boot.revision, target.revision);
    look_again(nullptr);
}

void load_boot_microcode_here() {
    if (!at_boot.patch.empty()) return load_here(at_boot.patch);
    revisions[per_cpu().id] = read_microcode_revision();
}

Result<> update_microcode(std::span<std::byte> file) {
    if (loading.exchange(true, std::memory_order_acquire)) return fail(Error::Busy);
    struct Done {
        ~Done() { loading.store(false, std::memory_order_release); }
    } done;
    const MicrocodeTarget target = microcode_target();
    const Result<MicrocodeUpdate> update = choose_microcode(file, target, true);
    if (!update) {
        info("microcode {:x} stays: {}", target.revision, reason(update.error()));
        return fail(update.error());
    }
    // To where it is aligned.
    std::memmove(file.data(), update->patch.data(), update->patch.size());
    Bytes patch = file.first(update->patch.size());
    at_standstill_by_turns([](void* argument) { load_here(*static_cast<Bytes*>(argument)); }, look_again, &patch);
    call_on_cpus(online_cpus(), use_what_is_new, nullptr);
    if (const std::size_t cpu = left_behind(update->revision); cpu < kMaxCpus) {
        warn("microcode {:x} was refused by CPU {}, which has {:x}", update->revision, cpu, revisions[cpu]);
        return fail(Error::Io);
    }
    info("microcode: all {} CPUs have revision {:x}, had {:x}", online_cpus().count(), update->revision,
         target.revision);
    report_leaks();
    return {};
}

}  // namespace hv::x86
