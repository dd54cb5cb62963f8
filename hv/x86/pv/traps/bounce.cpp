#include "hv/x86/pv/traps/bounce.hpp"

#include "hv/abi/xen/layout.hpp"
#include "hv/base/log.hpp"
#include "hv/domain/domain.hpp"
#include "hv/memory/guest_access.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/pv/mmu/base_pointers.hpp"
#include "hv/x86/pv/mmu/guest_tables.hpp"
#include "hv/x86/pv/traps/traps.hpp"
#include "hv/x86/vcpu/arch_vcpu.hpp"

namespace hv::x86 {

[[gnu::hot]] void switch_mode(Vcpu& vcpu) {
    vcpu.arch->kernel_mode = !vcpu.arch->kernel_mode;
    asm volatile("swapgs" : : : "memory");
    load_page_table(vcpu);
}

[[gnu::hot]] bool enter_guest_kernel(Vcpu& vcpu, TrapFrame& frame, const GuestEntry& entry) {
    ArchVcpu& arch = *vcpu.arch;
    abi::xen::VcpuInfo& info = *vcpu.info.load(std::memory_order_relaxed);
    const bool from_kernel = arch.kernel_mode;
    std::uint64_t stack = frame.rsp;
    if (!from_kernel) {
        switch_mode(vcpu);
        stack = arch.kernel_sp;
    }
    // rcx, r11, [error code], rip, cs with the upcall mask in its upper half, rflags, rsp, ss
    const std::uint8_t mask = info.evtchn_upcall_mask;
    std::uint64_t image[12];
    unsigned words = 0;
    if (entry.selectors) {
        // Lowest: ds, es, fs, gs (in this order upwards) below rcx and r11.
        image[words++] = frame.rcx;
        image[words++] = frame.r11;
        for (unsigned i = 0; i < 4; ++i) image[words++] = entry.selectors[i];
    } else {
        image[words++] = frame.rcx;
        image[words++] = frame.r11;
        if (entry.error_code) image[words++] = *entry.error_code;
    }
    image[words++] = frame.rip;
    image[words++] = (frame.cs & (from_kernel ? 0xfffc : 0xffff)) | (std::uint64_t{mask} << 32);
    image[words++] = (frame.rflags & ~std::uint64_t{kRflagsIf | kRflagsIopl}) | (mask ? 0 : std::uint64_t{kRflagsIf}) |
                     arch.shown_iopl;
    image[words++] = frame.rsp;
    image[words++] = frame.ss;

    const GuestVirtual at{(stack & ~std::uint64_t{15}) - words * sizeof(std::uint64_t)};
    if (entry.address == 0 || !copy_to_guest(at, image, words * sizeof(std::uint64_t))) {
        log(LogLevel::GuestError, "d{}v{}: cannot enter the kernel at {:x} with stack {:x} (rip {:x}, vector {})",
            vcpu.domain.id, vcpu.id, entry.address, at.raw, frame.rip, frame.vector);
        vcpu.domain.crash("the kernel's entry point or stack is not usable");
        return false;
    }
    if (entry.mask_events) info.evtchn_upcall_mask = 1;
    frame.rip = entry.address;
    frame.cs = abi::xen::kFlatKernelCs;
    frame.rflags &= ~std::uint64_t{kRflagsTf | kRflagsDf | kRflagsNt | kRflagsRf | kRflagsVm | kRflagsAc};
    frame.rsp = at.raw;
    frame.ss = abi::xen::kFlatKernelSs;
    frame.vector = kVectorSyscall;  // rcx and r11 are on the stack: SYSRET will do, whatever brought the guest here
    return true;
}

[[gnu::hot]] void deliver_trap(Vcpu& vcpu, TrapFrame& frame, std::uint8_t vector,
                               std::optional<std::uint32_t> error_code) {
    const GuestGate& gate = vcpu.arch->gates[vector];
    if (gate.address == 0) {
        log(LogLevel::GuestError, "d{}v{}: no handler for trap {} (error code {:x}) at rip {:x} rsp {:x}, cr2 {:x}",
            vcpu.domain.id, vcpu.id, vector, error_code.value_or(0), frame.rip, frame.rsp, vcpu.info.load()->arch.cr2);
        vcpu.domain.crash("a trap without a handler");
        return;
    }
    enter_guest_kernel(vcpu, frame,
                       {.address = gate.address,
                        .mask_events = (gate.flags & abi::xen::kTrapMaskEvents) != 0,
                        .error_code = error_code});
}

[[gnu::hot]] void deliver_page_fault(Vcpu& vcpu, TrapFrame& frame, std::uint64_t address, std::uint32_t error_code) {
    constexpr std::uint32_t kFromUser = 4;
    vcpu.info.load(std::memory_order_relaxed)->arch.cr2 = address;
    error_code = vcpu.arch->kernel_mode ? error_code & ~kFromUser : error_code | kFromUser;
    deliver_trap(vcpu, frame, kPageFault, error_code);
}

}  // namespace hv::x86
