// Privileged instructions of a PV guest's kernel, which runs in ring 3: they fault with #GP and are carried out here.
#include "hv/domain/domain.hpp"
#include "hv/domain/vcpu_block.hpp"
#include "hv/x86/cpu/cpuid.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/pv/arch_vcpu.hpp"
#include "hv/x86/pv/base_pointers.hpp"
#include "hv/x86/pv/bounce.hpp"
#include "hv/x86/pv/debug_registers.hpp"
#include "hv/x86/pv/emulation.hpp"
#include "hv/x86/pv/fpu.hpp"
#include "hv/x86/pv/instruction.hpp"
#include "hv/x86/pv/tlb.hpp"

namespace hv::x86 {
namespace {

bool read_control(Vcpu& vcpu, unsigned number, std::uint64_t& value) {
    const ArchVcpu& arch = *vcpu.arch;
    switch (number) {
        case 0: value = arch.cr0; return true;
        case 2: value = vcpu.info.load()->arch.cr2; return true;
        case 3: value = address_of(frame_number(*arch.kernel_table)).raw; return true;
        case 4: value = arch.cr4; return true;
        default: return false;
    }
}

bool write_control(Vcpu& vcpu, unsigned number, std::uint64_t value) {
    ArchVcpu& arch = *vcpu.arch;
    switch (number) {
        case 0:
            // Only the task-switched bit is the guest's to change.
            if ((value ^ arch.cr0) & ~std::uint64_t{kCr0Ts}) return false;
            set_task_switched(vcpu, value & kCr0Ts);
            return true;
        case 2: vcpu.info.load()->arch.cr2 = value; return true;
        case 3: return set_kernel_table(vcpu, frame_of(MachineAddress{value})).has_value();
        case 4: arch.cr4 = guest_cr4(value); return true;
        default: return false;
    }
}

bool control_register(Vcpu& vcpu, TrapFrame& frame, const Instruction& in) {
    if (in.mod != 3) return false;
    std::uint64_t& general = register_of(frame, in.rm);
    std::uint64_t value = general;
    switch (in.opcode) {
        case 0x0f20:
            if (!read_control(vcpu, in.reg, value)) return false;
            general = value;
            return true;
        case 0x0f22: return write_control(vcpu, in.reg, value);
        case 0x0f21:
            if (!read_guest_debug_register(vcpu, in.reg, value)) return false;
            general = value;
            return true;
        default: return write_guest_debug_register(vcpu, in.reg, value).has_value();
    }
}

// 0F 01: INVLPG, LMSW, SMSW, XSETBV and friends.
bool group7(Vcpu& vcpu, TrapFrame& frame, const Instruction& in) {
    if (in.mod != 3) {
        if ((in.reg & 7) != 7) return false;
        flush_local_page(GuestVirtual{in.memory});
        return true;
    }
    if ((in.reg & 7) == 2 && (in.rm & 7) == 1)
        return set_guest_xcr0(vcpu, static_cast<std::uint32_t>(frame.rcx), (frame.rdx << 32) | (frame.rax & 0xffff'ffff));
    if ((in.reg & 7) == 4) {
        register_of(frame, in.rm) = vcpu.arch->cr0;  // SMSW, when UMIP makes it fault
        return true;
    }
    return false;
}

bool is_port_io(const Instruction& in) {
    return (in.opcode >= 0x6c && in.opcode <= 0x6f) || (in.opcode >= 0xe4 && in.opcode <= 0xe7) || (in.opcode >= 0xec && in.opcode <= 0xef);
}

bool read_msr_instruction(Vcpu& vcpu, TrapFrame& frame) {
    std::uint64_t value;
    if (!read_guest_msr(vcpu, static_cast<std::uint32_t>(frame.rcx), value)) return false;
    frame.rax = value & 0xffff'ffff;
    frame.rdx = value >> 32;
    return true;
}

}  // namespace

bool emulate_privileged(Vcpu& vcpu, TrapFrame& frame) {
    Instruction in;
    if (!decode(frame, in) || in.lock) return false;
    if (is_port_io(in)) return emulate_port_io(vcpu, frame, in);
    if (!vcpu.arch->kernel_mode) return false;  // user programs get nothing else, whatever their kernel may do
    bool done = false;
    switch (in.opcode) {
        case 0x0f20: case 0x0f21: case 0x0f22: case 0x0f23: done = control_register(vcpu, frame, in); break;
        case 0x0f01: done = group7(vcpu, frame, in); break;
        case 0x0f06: set_task_switched(vcpu, false); done = true; break;
        case 0x0f08: case 0x0f09: done = true; break;  // INVD, WBINVD: memory is coherent, and no domain owns the cache
        case 0x0f30: done = write_guest_msr(vcpu, static_cast<std::uint32_t>(frame.rcx), (frame.rdx << 32) | (frame.rax & 0xffff'ffff)); break;
        case 0x0f32: done = read_msr_instruction(vcpu, frame); break;
        case 0x0fa2: emulate_cpuid(vcpu, frame); done = true; break;
        case 0xf4:
            vcpu_block(vcpu);
            done = true;
            break;
        case 0xfa: case 0xfb: done = vcpu.arch->iopl >= 1; break;  // the upcall mask is the interrupt flag; these do nothing
        default: break;
    }
    if (done) frame.rip += in.length;
    return done;
}

}  // namespace hv::x86
