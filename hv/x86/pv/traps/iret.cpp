#include "hv/x86/pv/traps/iret.hpp"

#include "hv/abi/xen/vcpu_state.hpp"
#include "hv/domain/domain.hpp"
#include "hv/memory/guest_access.hpp"
#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/pv/traps/bounce.hpp"
#include "hv/x86/pv/traps/iopl.hpp"
#include "hv/x86/pv/traps/traps.hpp"
#include "hv/x86/vcpu/arch_vcpu.hpp"

namespace hv::x86 {

[[gnu::hot]] void guest_iret(Vcpu& vcpu, TrapFrame& frame) {
    ArchVcpu& arch = *vcpu.arch;
    const auto saved = fetch<abi::xen::IretContext>(GuestVirtual{frame.rsp});
    if (!saved) {
        vcpu.domain.crash("the frame of its iret hypercall is not readable");
        return;
    }
    if ((saved->cs & 3) == 3) {
        if (!has_user_table(arch)) {
            vcpu.domain.crash("return to user mode without a user page table");
            return;
        }
        switch_mode(vcpu);
    }
    const std::uint64_t iopl = saved->rflags & kRflagsIopl;
    if (iopl != arch.shown_iopl && has_architectural_iopl(vcpu.domain)) [[unlikely]]
        set_iopl(vcpu, static_cast<std::uint32_t>(iopl >> 12));
    frame.rip = saved->rip;
    frame.cs = (saved->cs & 0xffff) | 3;
    frame.rflags = (saved->rflags & kGuestFlags) | kRflagsIf | 2;
    frame.rsp = saved->rsp;
    frame.ss = (saved->ss & 0xffff) | 3;
    frame.rax = saved->rax;
    // SYSRET goes to hv's flat 64-bit segment, whatever the frame says.
    if (!(saved->flags & abi::xen::kVgcfInSyscall) || frame.cs != kUserCode64) {
        frame.rcx = saved->rcx;
        frame.r11 = saved->r11;
        frame.vector = 0;  // leaves through IRET, which restores everything
    }
    vcpu.info.load(std::memory_order_relaxed)->evtchn_upcall_mask = (saved->rflags & kRflagsIf) ? 0 : 1;
}

HypercallResult do_iret(HypercallArguments&) {
    TrapFrame& frame = *per_cpu().frame;
    guest_iret(current_vcpu(), frame);
    return frame.rax;
}

}  // namespace hv::x86
