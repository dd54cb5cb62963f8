// A vCPU's registers as the toolstack and VCPUOP_initialise give them, and back.
#include <cstring>

#include "hv/abi/xen/layout.hpp"
#include "hv/domain/domain.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/paging/layout.hpp"
#include "hv/x86/pv/descriptors/descriptors.hpp"
#include "hv/x86/pv/descriptors/segments.hpp"
#include "hv/x86/pv/hypercalls/guest_setup.hpp"
#include "hv/x86/pv/mmu/base_pointers.hpp"
#include "hv/x86/pv/mmu/guest_tables.hpp"
#include "hv/x86/pv/pv_guest.hpp"
#include "hv/x86/pv/pv_vcpu.hpp"
#include "hv/x86/pv/traps/guest_cr4.hpp"
#include "hv/x86/pv/traps/iopl.hpp"
#include "hv/x86/pv/traps/traps.hpp"
#include "hv/x86/vcpu/debug_registers.hpp"
#include "hv/x86/vcpu/fpu.hpp"

namespace hv::x86 {
namespace {

using abi::xen::CpuUserRegs;
using abi::xen::VcpuGuestContext;

void load_registers(PvVcpu& arch, const CpuUserRegs& regs) {
    TrapFrame& frame = arch.frame;
    frame = {};
    frame.r15 = regs.r15;
    frame.r14 = regs.r14;
    frame.r13 = regs.r13;
    frame.r12 = regs.r12;
    frame.rbp = regs.rbp;
    frame.rbx = regs.rbx;
    frame.r11 = regs.r11;
    frame.r10 = regs.r10;
    frame.r9 = regs.r9;
    frame.r8 = regs.r8;
    frame.rax = regs.rax;
    frame.rcx = regs.rcx;
    frame.rdx = regs.rdx;
    frame.rsi = regs.rsi;
    frame.rdi = regs.rdi;
    frame.rip = regs.rip;
    frame.cs = regs.cs | 3u;
    frame.rflags = (regs.rflags & kGuestFlags) | kRflagsIf | 2;
    frame.rsp = regs.rsp;
    frame.ss = regs.ss | 3u;
    arch.ds = guest_selector(regs.ds);
    arch.es = guest_selector(regs.es);
    arch.fs = guest_selector(regs.fs);
    arch.gs = guest_selector(regs.gs);
}

void store_registers(const PvVcpu& arch, CpuUserRegs& regs) {
    const TrapFrame& frame = arch.frame;
    regs.r15 = frame.r15;
    regs.r14 = frame.r14;
    regs.r13 = frame.r13;
    regs.r12 = frame.r12;
    regs.rbp = frame.rbp;
    regs.rbx = frame.rbx;
    regs.r11 = frame.r11;
    regs.r10 = frame.r10;
    regs.r9 = frame.r9;
    regs.r8 = frame.r8;
    regs.rax = frame.rax;
    regs.rcx = frame.rcx;
    regs.rdx = frame.rdx;
    regs.rsi = frame.rsi;
    regs.rdi = frame.rdi;
    regs.rip = frame.rip;
    regs.cs = static_cast<std::uint16_t>(frame.cs);
    regs.rflags = frame.rflags | (std::uint64_t{arch.iopl} << kRflagsIoplShift);
    regs.rsp = frame.rsp;
    regs.ss = static_cast<std::uint16_t>(frame.ss);
    regs.ds = arch.ds;
    regs.es = arch.es;
    regs.fs = arch.fs;
    regs.gs = arch.gs;
}

Result<> set_plain_state(Vcpu& vcpu, const VcpuGuestContext& context) {
    PvVcpu& arch = pv(vcpu);
    if (!canonical(context.event_callback_rip) || !canonical(context.failsafe_callback_rip) ||
        !canonical(context.syscall_callback_rip) || !canonical(context.fs_base) || !canonical(context.gs_base_kernel) ||
        !canonical(context.gs_base_user))
        return fail(Error::BadArgument);
    for (unsigned i = 0; i < 256; ++i) {
        abi::xen::TrapInfo trap = context.trap_context[i];
        trap.vector = static_cast<std::uint8_t>(i);
        TRY(set_gate(arch, trap));
    }
    load_registers(arch, context.user_regs);
    set_iopl(vcpu, static_cast<std::uint32_t>((context.user_regs.rflags & kRflagsIopl) >> kRflagsIoplShift));
    arch.io_bitmap_ports = 0;
    arch.kernel_mode = (context.flags & abi::xen::kVgcfInKernel) != 0;
    arch.event_callback = context.event_callback_rip;
    arch.failsafe_callback = context.failsafe_callback_rip;
    arch.syscall_callback = context.syscall_callback_rip;
    arch.failsafe_masks_events = (context.flags & abi::xen::kVgcfFailsafeDisablesEvents) != 0;
    arch.syscall_masks_events = (context.flags & abi::xen::kVgcfSyscallDisablesEvents) != 0;
    arch.kernel_ss = (context.kernel_ss & 0xffff) | 3;
    arch.kernel_sp = context.kernel_sp;
    arch.fs_base = context.fs_base;
    arch.gs_base_kernel = context.gs_base_kernel;
    arch.gs_base_user = context.gs_base_user;
    arch.cr0 = kCr0Pe | kCr0Mp | kCr0Ne | kCr0Wp | kCr0Am | kCr0Pg | 0x10 | (context.ctrlreg[0] & kCr0Ts);
    arch.cr4 = initial_guest_cr4(context.ctrlreg[4]);
    if (!guest_may_have_cr4(arch.cr4)) return fail(Error::BadArgument);
    for (unsigned i = 0; i < 8; ++i) arch.debug[i] = 0;
    for (unsigned i = 0; i < 8; ++i)
        if (i < 4 || i > 5) TRY(write_guest_debug_register(vcpu, i, context.debugreg[i]));
    reset_fpu(vcpu, (context.flags & abi::xen::kVgcfI387Valid) ? context.fpu_context : nullptr);
    return {};
}

}  // namespace

Result<> PvGuest::set_context(Vcpu& vcpu, const VcpuGuestContext& context) const {
    PvVcpu& arch = pv(vcpu);
    if (vcpu.flags.load() & kVcpuInitialised) return fail(Error::Exists);
    const bool in_kernel = context.flags & abi::xen::kVgcfInKernel;
    const Mfn user{abi::xen::cr3_to_frame(context.ctrlreg[1])};
    if (!in_kernel && user.raw == 0) return fail(Error::BadArgument);
    // The first vCPU's is the domain's: others join a kernel that has chosen already.
    if (vcpu.id == VcpuId{0}) vcpu.domain.vm_assist = context.vm_assist & kSupportedVmAssists;
    TRY(set_plain_state(vcpu, context));
    if (context.gdt_entries > abi::xen::kFirstReservedGdtEntry || context.ldt_entries > abi::xen::kMostLdtEntries)
        return fail(Error::BadArgument);
    TRY(set_gdt(vcpu, context.gdt_frames, static_cast<unsigned>((context.gdt_entries + 511) / 512),
                static_cast<std::uint32_t>(context.gdt_entries)));
    TRY(set_ldt(vcpu, GuestVirtual{context.ldt_base}, static_cast<std::uint32_t>(context.ldt_entries)));
    // Preemptible: a restarted call finds the tables part-way validated, and everything above idempotent.
    if (!arch.kernel_table) TRY(set_kernel_table(vcpu, Mfn{abi::xen::cr3_to_frame(context.ctrlreg[3])}));
    if (user.raw != 0 && !arch.user_table) TRY(set_user_table(vcpu, user));
    vcpu.flags.fetch_or(kVcpuInitialised);
    return {};
}

void PvGuest::get_context(Vcpu& vcpu, VcpuGuestContext& context) const {
    const PvVcpu& arch = pv(vcpu);
    std::memset(&context, 0, sizeof context);
    std::memcpy(context.fpu_context, fpu_image(vcpu), sizeof context.fpu_context);
    context.flags = abi::xen::kVgcfI387Valid | (arch.kernel_mode ? abi::xen::kVgcfInKernel : 0) |
                    (arch.failsafe_masks_events ? abi::xen::kVgcfFailsafeDisablesEvents : 0) |
                    (arch.syscall_masks_events ? abi::xen::kVgcfSyscallDisablesEvents : 0) |
                    (vcpu.flags.load() & kVcpuDown ? 0 : abi::xen::kVgcfOnline);
    store_registers(arch, context.user_regs);
    for (unsigned i = 0; i < 256; ++i) {
        context.trap_context[i].vector = static_cast<std::uint8_t>(i);
        context.trap_context[i].flags = arch.gates[i].flags;
        context.trap_context[i].cs = arch.gates[i].cs;
        context.trap_context[i].address = arch.gates[i].address;
    }
    context.ldt_base = arch.ldt_base.raw;
    context.ldt_entries = arch.ldt_entries;
    for (unsigned i = 0; i < arch.gdt_frame_count; ++i) context.gdt_frames[i] = frame_number(*arch.gdt_frames[i]).raw;
    context.gdt_entries = arch.gdt_entries;
    context.kernel_ss = arch.kernel_ss;
    context.kernel_sp = arch.kernel_sp;
    context.ctrlreg[0] = arch.cr0;
    context.ctrlreg[4] = arch.cr4;
    if (arch.kernel_table) context.ctrlreg[3] = abi::xen::frame_to_cr3(frame_number(*arch.kernel_table).raw);
    if (arch.user_table) context.ctrlreg[1] = abi::xen::frame_to_cr3(frame_number(*arch.user_table).raw);
    std::memcpy(context.debugreg, arch.debug.data(), sizeof context.debugreg);
    context.event_callback_rip = arch.event_callback;
    context.failsafe_callback_rip = arch.failsafe_callback;
    context.syscall_callback_rip = arch.syscall_callback;
    context.vm_assist = vcpu.domain.vm_assist.load();
    context.fs_base = arch.fs_base;
    context.gs_base_kernel = arch.gs_base_kernel;
    context.gs_base_user = arch.gs_base_user;
}

}  // namespace hv::x86
