#include "hv/x86/pv/traps/iret.hpp"

#include <cstddef>

#include "hv/abi/xen/vcpu_state.hpp"
#include "hv/domain/domain.hpp"
#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/pv/mmu/guest_words.hpp"
#include "hv/x86/pv/pv_vcpu.hpp"
#include "hv/x86/pv/traps/bounce.hpp"
#include "hv/x86/pv/traps/iopl.hpp"
#include "hv/x86/pv/traps/traps.hpp"

namespace hv::x86 {
namespace {

// Reads the context, each word once. False when not all of it can be read.
[[gnu::always_inline]] inline bool read_context(GuestVirtual at, abi::xen::IretContext& context) {
    if (!may_touch(at, sizeof context)) [[unlikely]]
        return false;
    static_assert(offsetof(abi::xen::IretContext, flags) == 24 && offsetof(abi::xen::IretContext, ss) == 64);
    bool failed = true;
    allow_guest_access();
    asm volatile(
        "1: movq 0(%[words]), %[rax]\n"
        "2: movq 24(%[words]), %[flags]\n"
        "3: movq 32(%[words]), %[rip]\n"
        "4: movq 40(%[words]), %[cs]\n"
        "5: movq 48(%[words]), %[rflags]\n"
        "6: movq 56(%[words]), %[rsp]\n"
        "7: movq 64(%[words]), %[ss]\n"
        "8: movq 8(%[words]), %[r11]\n"
        "9: movq 16(%[words]), %[words]\n"
        "movb $0, %[failed]\n"
        "10:\n" HV_FIXUP("1b", "10b") HV_FIXUP("2b", "10b") HV_FIXUP("3b", "10b") HV_FIXUP("4b", "10b") HV_FIXUP(
            "5b", "10b") HV_FIXUP("6b", "10b") HV_FIXUP("7b", "10b") HV_FIXUP("8b", "10b") HV_FIXUP("9b", "10b")
        : [words] "=&r"(context.rcx), [rax] "=&r"(context.rax), [flags] "=&r"(context.flags), [rip] "=&r"(context.rip),
          [cs] "=&r"(context.cs), [rflags] "=&r"(context.rflags), [rsp] "=&r"(context.rsp), [ss] "=&r"(context.ss),
          [r11] "=&r"(context.r11), [failed] "+rm"(failed)
        : "0"(guest_pointer(at))
        : "memory");
    forbid_guest_access();
    return !failed;
}

}  // namespace

[[gnu::hot]] void guest_iret(Vcpu& vcpu, TrapFrame& frame) {
    PvVcpu& arch = pv(vcpu);
    abi::xen::IretContext saved;
    if (!read_context(GuestVirtual{frame.rsp}, saved)) [[unlikely]] {
        vcpu.domain.crash("the frame of its iret hypercall is not readable");
        return;
    }
    if ((saved.cs & 3) == 3) {
        if (!arch.user_table) {
            vcpu.domain.crash("return to user mode without a user page table");
            return;
        }
        switch_mode(vcpu);
    }
    const std::uint64_t iopl = saved.rflags & kRflagsIopl;
    if (iopl != arch.shown_iopl && has_architectural_iopl(vcpu.domain)) [[unlikely]]
        set_iopl(vcpu, static_cast<std::uint32_t>(iopl >> kRflagsIoplShift));
    frame.rip = saved.rip;
    frame.cs = (saved.cs & 0xffff) | 3;
    frame.rflags = (saved.rflags & kGuestFlags) | kRflagsIf | 2;
    frame.rsp = saved.rsp;
    frame.ss = (saved.ss & 0xffff) | 3;
    frame.rax = saved.rax;
    // SYSRET goes to hv's flat 64-bit segment, whatever the frame says.
    if (!(saved.flags & abi::xen::kVgcfInSyscall) || frame.cs != kUserCode64) {
        frame.rcx = saved.rcx;
        frame.r11 = saved.r11;
        frame.vector = 0;  // leaves through IRET, which restores everything
    }
    vcpu.info.load(std::memory_order_relaxed)->evtchn_upcall_mask = (saved.rflags & kRflagsIf) ? 0 : 1;
}

HypercallResult do_iret(HypercallArguments&) {
    TrapFrame& frame = *per_cpu().frame;
    guest_iret(current_vcpu(), frame);
    return frame.rax;
}

}  // namespace hv::x86
