// platform_op: Dom0 sets the clock, puts the machine to sleep and asks about processors and firmware.
#include "hv/abi/xen/platform.hpp"

#include <algorithm>
#include <bit>

#include "hv/base/nospec.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/idle_domain.hpp"
#include "hv/domain/runstate.hpp"
#include "hv/machine/clock.hpp"
#include "hv/machine/cpus.hpp"
#include "hv/memory/guest_access.hpp"
#include "hv/memory/heap.hpp"
#include "hv/time/wallclock.hpp"
#include "hv/x86/acpi/acpi.hpp"
#include "hv/x86/console/console.hpp"
#include "hv/x86/cpu/cpuid.hpp"
#include "hv/x86/cpu/microcode.hpp"
#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/devices/machine_hypercalls.hpp"
#include "hv/x86/devices/microcode_update.hpp"
#include "hv/x86/vcpu/guest_clock.hpp"

namespace hv::x86 {
namespace {

using namespace abi::xen;

void set_time(std::uint64_t seconds, std::uint32_t nanoseconds, std::uint64_t system_time) {
    time::set_wallclock(seconds * 1'000'000'000 + nanoseconds, system_time);
    DomainId id;
    while (DomainRef domain = next_domain(id)) {
        if (domain->dying.load() == Dying::Alive) update_wallclock(*domain);
        id = domain->id.next();
    }
}

HypercallResult idle_time(PlatformGetIdleTime& request) {
    std::uint64_t wanted_words[kMaxCpus / 64] = {};
    const std::uint32_t bits = request.cpumap_nr_cpus < kMaxCpus ? request.cpumap_nr_cpus : kMaxCpus;
    TRY(copy_from_guest(wanted_words, GuestVirtual{request.cpumap_bitmap}, (bits + 7) / 8));
    std::uint64_t known_words[kMaxCpus / 64] = {};
    for (CpuId cpu : ids<CpuId>(bits)) {
        if (!((wanted_words[cpu.raw / 64] >> (cpu.raw % 64)) & 1) || !online_cpus().test(cpu)) continue;
        TRY(store_at(GuestVirtual{request.idletime}, cpu.raw,
                     static_cast<std::uint64_t>(vcpu_run_time(idle_vcpu(cpu)))));
        known_words[cpu.raw / 64] |= std::uint64_t{1} << (cpu.raw % 64);
    }
    TRY(copy_to_guest(GuestVirtual{request.cpumap_bitmap}, known_words, (bits + 7) / 8));
    request.now = static_cast<std::uint64_t>(time::now());
    return 0;
}

HypercallResult cpu_info(PlatformPcpuInfo& request) {
    request.max_present = present_cpus() - 1;
    if (request.xen_cpuid >= present_cpus()) {
        request.flags = kPcpuInvalid;
        return 0;
    }
    const CpuId cpu = index_nospec(CpuId{request.xen_cpuid}, present_cpus());
    request.apic_id = cpu_data(cpu).apic_id;
    request.acpi_id = cpu.raw;
    request.flags = online_cpus().test(cpu) ? kPcpuOnline : 0;
    return 0;
}

HypercallResult cpu_version(PlatformPcpuVersion& request) {
    request.max_present = present_cpus() - 1;
    const bool present = request.xen_cpuid < present_cpus();
    if (!present || !online_cpus().test(index_nospec(CpuId{request.xen_cpuid}, present_cpus()))) {
        // As Xen answers for one that is not there.
        std::ranges::fill(request.vendor_id, char{0});
        request.family = request.model = request.stepping = 0;
        return 0;
    }
    const CpuModel& model = cpu_model();
    for (unsigned i = 0; i < sizeof request.vendor_id; ++i) request.vendor_id[i] = model.vendor_text[i];
    request.family = model.family;
    request.model = model.model;
    request.stepping = model.stepping;
    return 0;
}

// Vendors' files for one processor are smaller; those for all of them are not what a machine needs.
constexpr std::uint32_t kMostMicrocodeBytes = 4u << 20;

// Not preemptible: all CPUs stand still for it anyway, and a machine sees it once in months.
HypercallResult take_microcode(std::uint64_t data, std::uint32_t length) {
    if (length == 0) return fail(Error::BadArgument);
    if (length > kMostMicrocodeBytes) return fail(Error::TooBig);
    const auto frames = (length + kPageSize - 1) >> kPageShift;
    const auto order = static_cast<unsigned>(std::bit_width(frames - 1));
    void* buffer = allocate_pages(order);
    if (!buffer) return fail(Error::NoMemory);
    Result<> done = copy_from_guest(buffer, GuestVirtual{data}, length);
    if (done) done = update_microcode({static_cast<std::byte*>(buffer), length});
    free_pages(buffer, order);
    TRY(done);
    return 0;
}

HypercallResult ucode_revision(PlatformUcodeRevision& request) {
    if (request.cpu >= present_cpus()) return fail(Error::NoEntry);
    const CpuId cpu = index_nospec(CpuId{request.cpu}, present_cpus());
    if (!online_cpus().test(cpu)) return fail(Error::NoEntry);
    const MicrocodeTarget target = microcode_target();
    request.signature = target.signature;
    request.platform_flags = target.platform_flags;
    request.revision = microcode_revision(cpu);
    return 0;
}

HypercallResult handle(PlatformOp& op) {
    switch (static_cast<PlatformCommand>(op.command)) {
        case PlatformCommand::Settime32:
            set_time(op.u.settime32.secs, op.u.settime32.nsecs, op.u.settime32.system_time);
            return 0;
        case PlatformCommand::Settime64:
            if (op.u.settime64.mbz != 0) return fail(Error::BadArgument);
            set_time(op.u.settime64.secs, op.u.settime64.nsecs, op.u.settime64.system_time);
            return 0;
        case PlatformCommand::EnterAcpiSleep: {
            // Only off: nothing would bring the other domains through a sleep.
            constexpr std::uint32_t kSoftOff = 5;
            if (op.u.enter_acpi_sleep.sleep_state != kSoftOff || (op.u.enter_acpi_sleep.flags & kAcpiSleepExtended))
                return fail(Error::NotSupported);
            finish_output();
            TRY(acpi_write_sleep(op.u.enter_acpi_sleep.val_a, op.u.enter_acpi_sleep.val_b));
            return 0;
        }
        case PlatformCommand::GetIdleTime: return idle_time(op.u.getidletime);
        case PlatformCommand::GetCpuInfo: return cpu_info(op.u.pcpu_info);
        case PlatformCommand::GetCpuVersion: return cpu_version(op.u.pcpu_version);
        case PlatformCommand::FirmwareInfo:
            return fail(Error::NoDomain);                    // no real-mode data was kept: "no such entry"
        case PlatformCommand::SetProcessorPminfo: return 0;  // power states are left to the firmware
        case PlatformCommand::MicrocodeUpdate: return take_microcode(op.u.microcode.data, op.u.microcode.length);
        case PlatformCommand::MicrocodeUpdate2:
            // The flag asks for an older revision by force, and hv never loads one.
            if (op.u.microcode2.flags != 0) return fail(Error::NotSupported);
            return take_microcode(op.u.microcode2.data, op.u.microcode2.length);
        case PlatformCommand::GetUcodeRevision: return ucode_revision(op.u.ucode_revision);
        default: return fail(Error::NotImplemented);
    }
}

}  // namespace

HypercallResult do_platform_op(HypercallArguments& arguments) {
    if (!current_domain().privileged) return fail(Error::NotPermitted);
    const GuestVirtual where{arguments.value[0]};
    auto op = TRY(fetch<PlatformOp>(where));
    if (op.interface_version != kPlatformInterfaceVersion) return fail(Error::Access);
    const HypercallResult result = handle(op);
    if (result) TRY(store(where, op));
    return result;
}

}  // namespace hv::x86
