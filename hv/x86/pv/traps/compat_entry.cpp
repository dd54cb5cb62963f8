#include "hv/x86/pv/traps/compat_entry.hpp"

#include "hv/domain/domain.hpp"
#include "hv/x86/cpu/cpuid.hpp"
#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/pv/pv_vcpu.hpp"
#include "hv/x86/pv/traps/bounce.hpp"
#include "hv/x86/traps/trap_frame.hpp"

extern "C" const char syscall32_stubs[], sysenter_entry[];

namespace hv::x86 {

// Intel SDM volume 2, SYSCALL: "#UD if in compatibility mode". AMD APM volume 3, SYSENTER: #UD in long mode.
bool syscall32_works() {
    const Vendor vendor = cpu_model().vendor;
    return vendor == Vendor::Amd || vendor == Vendor::Hygon;
}

bool sysenter_works() {
    const Vendor vendor = cpu_model().vendor;
    return (vendor == Vendor::Intel || vendor == Vendor::Centaur) && cpu_has(Feature::Sep);
}

void enable_compat_entries(CpuId cpu) {
    // Processors where compatibility mode has no SYSCALL keep the register all the same; emulators may even use it.
    write_msr(Msr::Cstar,
              reinterpret_cast<std::uint64_t>(syscall32_stubs) + std::uint64_t{cpu.raw} * kSyscall32StubBytes);
    if (!sysenter_works()) {
        if (cpu_has(Feature::Sep)) write_msr(Msr::SysenterCs, 0);
        return;
    }
    write_msr(Msr::SysenterCs, kKernelCode);  // the stack segment is the next
    write_msr(Msr::SysenterEsp, reinterpret_cast<std::uint64_t>(cpu_data(cpu).frame + 1));
    write_msr(Msr::SysenterEip, reinterpret_cast<std::uint64_t>(sysenter_entry));
}

extern "C" void guest_syscall32(TrapFrame& frame) {
    Vcpu& vcpu = current_vcpu();
    const PvVcpu& arch = pv(vcpu);
    if (arch.syscall32_callback == 0 || !syscall32_works()) {
        frame.rip -= frame.instruction_length;
        deliver_trap(vcpu, frame, kInvalidOpcode, {});
        return;
    }
    enter_guest_kernel(vcpu, frame, {.address = arch.syscall32_callback, .mask_events = arch.syscall32_masks_events});
}

extern "C" void guest_sysenter(TrapFrame& frame) {
    Vcpu& vcpu = current_vcpu();
    const PvVcpu& arch = pv(vcpu);
    frame.rflags |= kRflagsIf;  // it was set, as always in a guest
    if (arch.sysenter_callback == 0) {
        deliver_general_protection(vcpu, frame, 0);
        return;
    }
    enter_guest_kernel(vcpu, frame, {.address = arch.sysenter_callback, .mask_events = arch.sysenter_masks_events});
}

}  // namespace hv::x86
