// Privileged instructions of a PV guest's kernel, which runs in ring 3: they fault with #GP and are carried out here.
#include "hv/domain/domain.hpp"
#include "hv/x86/cpu/cpuid.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/emulate/instruction.hpp"
#include "hv/x86/policy/cpuid_policy.hpp"
#include "hv/x86/policy/msr.hpp"
#include "hv/x86/pv/mmu/base_pointers.hpp"
#include "hv/x86/pv/mmu/tlb.hpp"
#include "hv/x86/pv/pv_vcpu.hpp"
#include "hv/x86/pv/traps/bounce.hpp"
#include "hv/x86/pv/traps/emulation.hpp"
#include "hv/x86/pv/traps/guest_cr4.hpp"
#include "hv/x86/pv/traps/iopl.hpp"
#include "hv/x86/vcpu/debug_registers.hpp"
#include "hv/x86/vcpu/fpu.hpp"

namespace hv::x86 {
namespace {

bool read_control(Vcpu& vcpu, unsigned number, std::uint64_t& value) {
    const PvVcpu& arch = pv(vcpu);
    switch (number) {
        case 0: value = arch.cr0; return true;
        case 2: value = vcpu.info.load()->arch.cr2; return true;
        case 3: value = address_of(frame_number(*arch.kernel_table)).raw; return true;
        case 4: value = arch.cr4; return true;
        default: return false;
    }
}

// `again`: not done yet, the guest is to execute the instruction once more.
bool write_control(Vcpu& vcpu, unsigned number, std::uint64_t value, bool& again) {
    ArchVcpu& arch = *vcpu.arch;
    switch (number) {
        case 0:
            // Only the task-switched bit is the guest's to change.
            if ((value ^ arch.cr0) & ~std::uint64_t{kCr0Ts}) return false;
            set_task_switched(vcpu, value & kCr0Ts);
            return true;
        case 2: vcpu.info.load()->arch.cr2 = value; return true;
        case 3: {
            const Result<> set = set_kernel_table(vcpu, frame_of(MachineAddress{value}));
            if (!set && set.error() == Error::Restart) again = true;  // so much of the table is validated
            return set.has_value();
        }
        case 4: return set_guest_cr4(vcpu, value);
        default: return false;
    }
}

bool control_register(Vcpu& vcpu, TrapFrame& frame, const Instruction& in, bool& again) {
    if (in.mod != 3) return false;
    std::uint64_t& general = register_of(frame, in.rm);
    std::uint64_t value = general;
    switch (in.opcode) {
        case 0x0f20:
            if (!read_control(vcpu, in.reg, value)) return false;
            general = value;
            return true;
        case 0x0f22: return write_control(vcpu, in.reg, value, again);
        case 0x0f21:
            if (!read_guest_debug_register(vcpu, in.reg, value)) return false;
            general = value;
            return true;
        default: return write_guest_debug_register(vcpu, in.reg, value).has_value();
    }
}

void set_pair(TrapFrame& frame, std::uint64_t value) {
    frame.rax = value & 0xffff'ffff;
    frame.rdx = value >> 32;
}

// RDTSC and RDTSCP of a kernel that forbade them to its user programs (CR4.TSD): it runs in ring 3 as they do.
bool read_time_stamp(TrapFrame& frame) {
    set_pair(frame, read_tsc());
    return true;
}

bool read_time_stamp_and_aux(const Vcpu& vcpu, TrapFrame& frame) {
    if (!cpu_has(Feature::Rdtscp)) return false;
    frame.rcx = vcpu.arch->tsc_aux;
    return read_time_stamp(frame);
}

// 0F 01: INVLPG, LMSW, SMSW, XSETBV and friends.
bool group7(Vcpu& vcpu, TrapFrame& frame, const Instruction& in) {
    if (in.mod != 3) {
        if ((in.reg & 7) != 7) return false;
        flush_local_page(GuestVirtual{in.memory});
        return true;
    }
    if ((in.reg & 7) == 7 && (in.rm & 7) == 1) return read_time_stamp_and_aux(vcpu, frame);
    if ((in.reg & 7) == 2 && (in.rm & 7) == 1)
        return set_guest_xcr0(vcpu, static_cast<std::uint32_t>(frame.rcx),
                              (frame.rdx << 32) | (frame.rax & 0xffff'ffff));
    return false;
}

// CLI and STI change nothing, since the upcall mask is the interrupt flag; they are allowed
// where I/O is, also to user programs.
bool is_interrupt_flag(const Instruction& in) {
    return in.opcode == 0xfa || in.opcode == 0xfb;
}

bool emulate_interrupt_flag(const Vcpu& vcpu, TrapFrame& frame, const Instruction& in) {
    if (!iopl_allows_io(vcpu)) return false;
    frame.rip += in.length;
    return true;
}

bool is_port_io(const Instruction& in) {
    return (in.opcode >= 0x6c && in.opcode <= 0x6f) || (in.opcode >= 0xe4 && in.opcode <= 0xe7) ||
           (in.opcode >= 0xec && in.opcode <= 0xef);
}

bool read_msr_instruction(Vcpu& vcpu, TrapFrame& frame) {
    std::uint64_t value;
    if (!read_guest_msr(vcpu, static_cast<std::uint32_t>(frame.rcx), value)) return false;
    set_pair(frame, value);
    return true;
}

// True: done, or to be executed again.
bool emulate_for_kernel(Vcpu& vcpu, TrapFrame& frame, const Instruction& in) {
    bool done = false, again = false;
    switch (in.opcode) {
        case 0x0f20:
        case 0x0f21:
        case 0x0f22:
        case 0x0f23: done = control_register(vcpu, frame, in, again); break;
        case 0x0f01: done = group7(vcpu, frame, in); break;
        case 0x0f06:
            set_task_switched(vcpu, false);
            done = true;
            break;
        case 0x0f08:
        case 0x0f09: done = true; break;  // INVD, WBINVD: memory is coherent, and no domain owns the cache
        case 0x0f30:
            done = write_guest_msr(vcpu, static_cast<std::uint32_t>(frame.rcx),
                                   (frame.rdx << 32) | (frame.rax & 0xffff'ffff));
            break;
        case 0x0f31: done = read_time_stamp(frame); break;
        case 0x0f32: done = read_msr_instruction(vcpu, frame); break;
        case 0x0fa2:
            emulate_cpuid(vcpu, frame);
            done = true;
            break;
        case 0xf4:
            vcpu.block();
            done = true;
            break;
        default: break;
    }
    if (done) frame.rip += in.length;
    return done || again;
}

}  // namespace

void instruction_done(Vcpu& vcpu, TrapFrame& frame) {
    constexpr std::uint64_t kSingleStep = 1u << 14;
    frame.rflags &= ~std::uint64_t{kRflagsRf};
    if (!(frame.rflags & kRflagsTf)) return;
    vcpu.arch->debug[6] |= kSingleStep;
    deliver_trap(vcpu, frame, kDebug, {});
}

bool emulate_privileged(Vcpu& vcpu, TrapFrame& frame) {
    Instruction in;
    if (!decode(frame, in) || in.lock) return false;
    const std::uint64_t next = frame.rip + in.length;
    bool handled = false;
    if (is_port_io(in))
        handled = emulate_port_io(vcpu, frame, in);
    else if (is_interrupt_flag(in))
        handled = emulate_interrupt_flag(vcpu, frame, in);
    else if (is_table_query(in))
        handled = emulate_table_query(vcpu, frame, in);
    else if (pv(vcpu).kernel_mode)
        handled = emulate_for_kernel(vcpu, frame, in);  // user programs get nothing else, whatever their kernel may do
    if (handled && frame.rip == next) instruction_done(vcpu, frame);
    return handled;
}

}  // namespace hv::x86
