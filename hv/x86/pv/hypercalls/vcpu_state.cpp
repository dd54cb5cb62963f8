// What a PV vCPU is made of, record by record: for the toolstack.
#include <array>

#include "hv/control/vcpu_state.hpp"
#include "hv/domain/domain.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/pv/pv_guest.hpp"
#include "hv/x86/pv/pv_vcpu.hpp"
#include "hv/x86/vcpu/fpu.hpp"

namespace hv::x86 {
namespace {

using namespace abi::control;

VcpuGeneralRegisters general(const PvVcpu& arch) {
    const TrapFrame& frame = arch.frame;
    return {.rax = frame.rax,
            .rcx = frame.rcx,
            .rdx = frame.rdx,
            .rbx = frame.rbx,
            .rsp = frame.rsp,
            .rbp = frame.rbp,
            .rsi = frame.rsi,
            .rdi = frame.rdi,
            .r8 = frame.r8,
            .r9 = frame.r9,
            .r10 = frame.r10,
            .r11 = frame.r11,
            .r12 = frame.r12,
            .r13 = frame.r13,
            .r14 = frame.r14,
            .r15 = frame.r15,
            .rip = frame.rip,
            .rflags = frame.rflags | (std::uint64_t{arch.iopl} << kRflagsIoplShift)};
}

VcpuSegments segments(const PvVcpu& arch) {
    return {.es = arch.es,
            .cs = static_cast<std::uint16_t>(arch.frame.cs),
            .ss = static_cast<std::uint16_t>(arch.frame.ss),
            .ds = arch.ds,
            .fs = arch.fs,
            .gs = arch.gs,
            .reserved = {},
            .fs_base = arch.fs_base,
            .gs_base_kernel = arch.gs_base_kernel,
            .gs_base_user = arch.gs_base_user};
}

std::uint64_t frame_of_table(const FrameInfo* table) {
    return table ? frame_number(*table).raw : 0;
}

VcpuControlRegisters control_registers(const Vcpu& vcpu) {
    const PvVcpu& arch = pv(vcpu);
    const std::uint64_t root = frame_of_table(arch.kernel_mode ? arch.kernel_table : arch.user_table);
    return {.cr0 = arch.cr0,
            .cr2 = vcpu.info.load()->arch.cr2,
            .cr3 = root << kPageShift,
            .cr4 = arch.cr4,
            .tsc_aux = arch.tsc_aux,
            .spec_ctrl = arch.spec_ctrl,
            .virt_spec_ctrl = arch.virt_spec_ctrl};
}

VcpuDebugRegisters debug_registers(const ArchVcpu& arch) {
    VcpuDebugRegisters debug{};
    for (unsigned i = 0; i < arch.debug.size(); ++i) debug.dr[i] = arch.debug[i];
    return debug;
}

void add_fpu(const Vcpu& vcpu, VcpuStateWriter& state) {
    const FpuImage image = fpu_state(vcpu);
    const VcpuFpu fpu{.xcr0 = vcpu.arch->xcr0,
                      .format = static_cast<std::uint32_t>(image.xsave ? FpuFormat::Xsave : FpuFormat::Fxsave),
                      .size = static_cast<std::uint32_t>(image.bytes.size())};
    state.add(VcpuRecordKind::Fpu, std::as_bytes(std::span{&fpu, 1}), std::as_bytes(image.bytes));
}

PvEntries entries(const Vcpu& vcpu) {
    const PvVcpu& arch = pv(vcpu);
    return {.flags = (arch.kernel_mode ? kPvKernelMode : 0) |
                     (arch.failsafe_masks_events ? kPvFailsafeMasksEvents : 0) |
                     (arch.syscall_masks_events ? kPvSyscallMasksEvents : 0) |
                     (arch.syscall32_masks_events ? kPvSyscall32MasksEvents : 0) |
                     (arch.sysenter_masks_events ? kPvSysenterMasksEvents : 0),
            .reserved = 0,
            .kernel_ss = arch.kernel_ss,
            .kernel_sp = arch.kernel_sp,
            .event_callback = arch.event_callback,
            .failsafe_callback = arch.failsafe_callback,
            .syscall_callback = arch.syscall_callback,
            .nmi_callback = arch.nmi_callback,
            .syscall32_callback = arch.syscall32_callback,
            .sysenter_callback = arch.sysenter_callback,
            .vm_assist = vcpu.domain.vm_assist.load()};
}

// A page of them is too much for the stack: they come from the heap, and without memory the record is an error.
Result<> add_traps(const PvVcpu& arch, VcpuStateWriter& state) {
    using Traps = std::array<PvTrap, 256>;
    const auto traps = TRY(make_own<Traps>());
    std::size_t count = 0;
    for (std::size_t vector = 0; vector < arch.gates.size(); ++vector) {
        const GuestGate& gate = arch.gates[vector];
        if (gate.address == 0) continue;
        (*traps)[count++] = {.vector = static_cast<std::uint8_t>(vector),
                             .flags = gate.flags,
                             .cs = gate.cs,
                             .reserved = 0,
                             .address = gate.address};
    }
    state.add(VcpuRecordKind::PvTraps, std::as_bytes(std::span{*traps}.first(count)));
    return {};
}

PvDescriptors descriptors(const PvVcpu& arch) {
    PvDescriptors tables{};
    for (unsigned i = 0; i < arch.gdt_frame_count; ++i) tables.gdt_frames[i] = frame_of_table(arch.gdt_frames[i]);
    tables.gdt_entries = arch.gdt_entries;
    tables.ldt_entries = arch.ldt_entries;
    tables.ldt_base = arch.ldt_base.raw;
    return tables;
}

}  // namespace

Result<> PvGuest::add_state_records(const Vcpu& vcpu, VcpuStateWriter& state) const {
    const PvVcpu& arch = pv(vcpu);
    state.add(VcpuRecordKind::General, general(arch));
    state.add(VcpuRecordKind::Segments, segments(arch));
    state.add(VcpuRecordKind::Control, control_registers(vcpu));
    state.add(VcpuRecordKind::Debug, debug_registers(arch));
    add_fpu(vcpu, state);
    state.add(VcpuRecordKind::PvEntries, entries(vcpu));
    TRY(add_traps(arch, state));
    state.add(VcpuRecordKind::PvDescriptors, descriptors(arch));
    state.add(VcpuRecordKind::PvTables,
              PvTables{.kernel = frame_of_table(arch.kernel_table), .user = frame_of_table(arch.user_table)});
    state.add(VcpuRecordKind::PvIo,
              PvIo{.iopl = arch.iopl, .bitmap_ports = arch.io_bitmap_ports, .bitmap = arch.io_bitmap.raw});
    return {};
}

}  // namespace hv::x86
