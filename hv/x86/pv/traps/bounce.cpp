#include "hv/x86/pv/traps/bounce.hpp"

#include "hv/abi/xen/layout.hpp"
#include "hv/base/log.hpp"
#include "hv/domain/domain.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/pv/mmu/base_pointers.hpp"
#include "hv/x86/pv/mmu/guest_words.hpp"
#include "hv/x86/pv/pv_vcpu.hpp"
#include "hv/x86/pv/traps/traps.hpp"

namespace hv::x86 {

[[gnu::hot]] void switch_mode(Vcpu& vcpu) {
    PvVcpu& arch = pv(vcpu);
    arch.kernel_mode = !arch.kernel_mode;
    asm volatile("swapgs" : : : "memory");
    load_page_table(vcpu);
}

namespace {

constexpr std::size_t kFrameWords = 7;  // without what comes between r11 and rip

[[gnu::cold, gnu::noinline]] void cannot_enter(Vcpu& vcpu, const TrapFrame& frame, std::uint64_t address,
                                               std::uint64_t stack) {
    log(LogLevel::GuestError, "d{}v{}: cannot enter the kernel at {:x} with stack {:x} (rip {:x}, vector {})",
        vcpu.domain.id, vcpu.id, address, stack, frame.rip, frame.vector);
    vcpu.domain.crash("the kernel's entry point or stack is not usable");
}

// What the guest's stack gets, from the lowest address on: rcx, r11, ds, es, fs and gs or the error code or neither,
// rip, cs with the upcall mask in its upper half, rflags, rsp, ss.
[[gnu::always_inline]] inline bool push_frame(const TrapFrame& frame, const GuestEntry& entry, std::uint64_t cs,
                                              std::uint64_t rflags, GuestVirtual at, std::size_t between) {
    if (!may_touch(at, (kFrameWords + between) * sizeof(std::uint64_t))) [[unlikely]]
        return false;
    auto* const low = static_cast<std::uint64_t*>(guest_pointer(at));
    std::uint64_t* const high = low + 2 + between;
    allow_guest_access();
    HV_STORE_WORD(low[0], frame.rcx, fault);
    HV_STORE_WORD(low[1], frame.r11, fault);
    if (entry.error_code) HV_STORE_WORD(low[2], std::uint64_t{*entry.error_code}, fault);
    if (entry.selectors) [[unlikely]]
        for (unsigned i = 0; i < 4; ++i) HV_STORE_WORD(low[2 + i], std::uint64_t{entry.selectors[i]}, fault);
    HV_STORE_WORD(high[0], frame.rip, fault);
    HV_STORE_WORD(high[1], cs, fault);
    HV_STORE_WORD(high[2], rflags, fault);
    HV_STORE_WORD(high[3], frame.rsp, fault);
    HV_STORE_WORD(high[4], frame.ss, fault);
    forbid_guest_access();
    return true;
fault:
    forbid_guest_access();
    return false;
}

}  // namespace

[[gnu::hot]] bool enter_guest_kernel(Vcpu& vcpu, TrapFrame& frame, const GuestEntry& entry) {
    PvVcpu& arch = pv(vcpu);
    abi::xen::VcpuInfo& info = *vcpu.info.load(std::memory_order_relaxed);
    std::uint64_t stack = frame.rsp, cs = frame.cs & 0xffff;
    if (arch.kernel_mode) {
        cs &= ~std::uint64_t{3};
    } else {
        switch_mode(vcpu);
        stack = arch.kernel_sp;
    }
    const std::uint8_t mask = info.evtchn_upcall_mask;
    cs |= std::uint64_t{mask} << 32;
    const std::uint64_t rflags = (frame.rflags & ~std::uint64_t{kRflagsIf | kRflagsIopl}) |
                                 (mask ? 0 : std::uint64_t{kRflagsIf}) | arch.shown_iopl;
    const std::size_t between = entry.selectors ? 4 : entry.error_code ? 1 : 0;
    const GuestVirtual at{(stack & ~std::uint64_t{15}) - (kFrameWords + between) * sizeof(std::uint64_t)};
    if (entry.address == 0 || !push_frame(frame, entry, cs, rflags, at, between)) [[unlikely]] {
        cannot_enter(vcpu, frame, entry.address, at.raw);
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
    const GuestGate& gate = pv(vcpu).gates[vector];
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
    error_code = pv(vcpu).kernel_mode ? error_code & ~kFromUser : error_code | kFromUser;
    deliver_trap(vcpu, frame, kPageFault, error_code);
}

}  // namespace hv::x86
