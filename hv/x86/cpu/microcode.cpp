#include "hv/x86/cpu/microcode.hpp"

#include <array>
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
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/cpu/switches.hpp"
#include "hv/x86/cpu/try_msr.hpp"
#include "hv/x86/paging/direct_map.hpp"

namespace hv::x86 {
namespace {

constexpr std::size_t kIntelHeaderBytes = 48;

constinit std::array<std::uint32_t, kMaxCpus> revisions{};
constinit MicrocodeUpdate at_boot{};

bool is_intel() {
    return cpu_model().vendor == Vendor::Intel;
}
bool has_microcode() {
    return is_intel() || cpu_model().vendor == Vendor::Amd || cpu_model().vendor == Vendor::Hygon;
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

void load_microcode(const MicrocodeUpdate& update) {
    const auto address = reinterpret_cast<std::uint64_t>(update.patch.data());
    if (is_intel()) {
        // The threads of a core share it: the second one has it already, and must not disturb the first one at work.
        if ((revisions[per_cpu().id.raw] = read_microcode_revision()) == update.revision) return;
        // Some lose what is in their caches on the way.
        asm volatile("wbinvd" : : : "memory");
        (void)try_write_msr(static_cast<std::uint32_t>(Msr::IntelMicrocodeUpdate), address + kIntelHeaderBytes);
    } else {
        (void)try_write_msr(static_cast<std::uint32_t>(Msr::AmdMicrocodeUpdate), address);
    }
    revisions[per_cpu().id.raw] = read_microcode_revision();
}

const char* why_no_microcode(Error error) {
    switch (error) {
        case Error::BadArgument: return "the file is damaged, or none for this vendor's processors";
        case Error::NoEntry: return "there is nothing in it for this processor";
        case Error::Exists: return "there is nothing newer in it";
        case Error::NotSupported: return "this processor takes none, or not while programs run";
        case Error::Busy: return "another update is under way";
        default: return "no memory";
    }
}

void look_again_at_processor() {
    identify_cpu();
    decide_mitigations_again();
    if (isolation_at_work()) disable_global_pages();  // identify_cpu() knows nothing of it
    set_switches();
}

std::uint32_t read_microcode_revision() {
    if (!has_microcode()) return 0;
    if (!is_intel()) return static_cast<std::uint32_t>(read_msr(Msr::MicrocodeRevision));
    // CPUID writes it there.
    write_msr(Msr::MicrocodeRevision, 0);
    (void)cpuid(1);
    return static_cast<std::uint32_t>(read_msr(Msr::MicrocodeRevision) >> 32);
}

std::uint32_t microcode_revision(CpuId cpu) {
    return revisions[cpu.raw];
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
    revisions[per_cpu().id.raw] = read_microcode_revision();
    const Bytes file = file_at_boot();
    if (file.empty()) return;
    const MicrocodeTarget target = microcode_target();
    const Result<MicrocodeUpdate> update = choose_microcode(file, target, false);
    if (!update) {
        info("microcode {:x} stays: {}", target.revision, why_no_microcode(update.error()));
        return;
    }
    auto* copy = static_cast<std::byte*>(direct_map(allocate_early(update->patch.size())));
    std::memcpy(copy, update->patch.data(), update->patch.size());
    at_boot = *update;
    at_boot.patch = {copy, update->patch.size()};
    load_microcode(at_boot);
    if (revisions[per_cpu().id.raw] != at_boot.revision) {
        warn("microcode {:x} was refused by the processor: {:x} stays", at_boot.revision, revisions[per_cpu().id.raw]);
        at_boot.patch = {};
        return;
    }
    info("microcode: revision {:x}, was {:x}", at_boot.revision, target.revision);
    look_again_at_processor();
}

void load_boot_microcode_here() {
    if (!at_boot.patch.empty()) return load_microcode(at_boot);
    revisions[per_cpu().id.raw] = read_microcode_revision();
}

}  // namespace hv::x86
