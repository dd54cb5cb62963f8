// Exceptions of guests.
#include "hv/domain/domain.hpp"
#include "hv/memory/guest_access.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/emulate/instruction.hpp"
#include "hv/x86/policy/cpuid_policy.hpp"
#include "hv/x86/pv/descriptors/descriptor_windows.hpp"
#include "hv/x86/pv/descriptors/descriptors.hpp"
#include "hv/x86/pv/pv_vcpu.hpp"
#include "hv/x86/pv/traps/bounce.hpp"
#include "hv/x86/pv/traps/emulation.hpp"
#include "hv/x86/pv/traps/traps.hpp"
#include "hv/x86/traps/guest_seam.hpp"
#include "hv/x86/vcpu/context_switch.hpp"
#include "hv/x86/vcpu/debug_registers.hpp"
#include "hv/x86/vcpu/fpu.hpp"
#include "hv/x86/vcpu/trap_counters.hpp"
#include "hv/x86/vcpu/tsc_aux.hpp"

namespace hv::x86 {
namespace {

// UD2 and the letters "xen" before an instruction: the guest's kernel asks for emulation (public interface, xen.h).
constexpr std::uint8_t kEmulationPrefix[] = {0x0f, 0x0b, 'x', 'e', 'n'};

bool forced_emulation(Vcpu& vcpu, TrapFrame& frame) {
    std::uint8_t bytes[sizeof kEmulationPrefix + 2];
    if (!copy_from_guest(bytes, GuestVirtual{frame.rip}, sizeof bytes)) return false;
    for (unsigned i = 0; i < sizeof kEmulationPrefix; ++i)
        if (bytes[i] != kEmulationPrefix[i]) return false;
    if (bytes[5] != 0x0f || bytes[6] != 0xa2) return false;  // CPUID
    emulate_cpuid(vcpu, frame);
    frame.rip += sizeof bytes;
    instruction_done(vcpu, frame);
    return true;
}

// INT n faults, since hv's own gates are closed to guests: error code with the IDT bit. The vector is taken from the
// instruction, not from the error code: emulators have been seen to shift it by one bit too many.
bool software_interrupt(Vcpu& vcpu, TrapFrame& frame) {
    constexpr std::uint64_t kIdt = 2, kExternal = 1;
    if (!(frame.error_code & kIdt) || (frame.error_code & kExternal)) return false;
    Instruction in;
    if (!decode(frame, in) || in.opcode != 0xcd) return false;
    const auto vector = static_cast<std::uint8_t>(in.immediate);
    const GuestGate& gate = pv(vcpu).gates[vector];
    const unsigned level =
        pv(vcpu).kernel_mode ? 1 : 3;  // as if the kernel ran in ring 1: gates of level 0 are hardware's
    if (gate.address == 0 || (gate.flags & abi::xen::kTrapDplMask) < level) {
        deliver_general_protection(vcpu, frame, vector * 8u + kIdt);
        return true;
    }
    frame.rip += in.length;
    deliver_trap(vcpu, frame, vector, {});
    return true;
}

void debug_trap(Vcpu& vcpu, TrapFrame& frame) {
    take_debug_status(vcpu);
    deliver_trap(vcpu, frame, kDebug, {});
}

}  // namespace

[[gnu::hot]] void guest_trap(TrapFrame& frame) {
    Vcpu& vcpu = current_vcpu();
    const auto vector = static_cast<std::uint8_t>(frame.vector);
    const auto error_code = static_cast<std::uint32_t>(frame.error_code);
    count_trap(vector);
    begin_preemptible_work();
    switch (vector) {
        case kPageFault: return guest_page_fault(vcpu, frame);
        case kGeneralProtection:
            if ((error_code & 0xffff) != 0) {
                if (software_interrupt(vcpu, frame)) return;
            } else if (emulate_privileged(vcpu, frame)) {
                return;
            }
            return deliver_general_protection(vcpu, frame, error_code);
        case kInvalidOpcode:
            if (forced_emulation(vcpu, frame)) return;
            if (emulate_rdpid(vcpu, frame)) return instruction_done(vcpu, frame);
            return deliver_trap(vcpu, frame, vector, {});
        case kNoDevice: set_task_switched(vcpu, false); return deliver_trap(vcpu, frame, vector, {});
        case kDebug: return debug_trap(vcpu, frame);
        default: break;
    }
    if (vector < 32 && ((kErrorCodeVectors >> vector) & 1)) return deliver_trap(vcpu, frame, vector, error_code);
    deliver_trap(vcpu, frame, vector, {});
}

void guest_return_failed(TrapFrame& frame) {
    Vcpu& vcpu = current_vcpu();
    const auto vector = static_cast<std::uint8_t>(frame.vector);
    const auto error_code = static_cast<std::uint32_t>(frame.error_code);
    count_trap(vector);
    begin_preemptible_work();
    if (vector == kPageFault) return guest_return_page_fault(vcpu, frame);
    if (vector < 32 && ((kErrorCodeVectors >> vector) & 1)) return deliver_trap(vcpu, frame, vector, error_code);
    deliver_trap(vcpu, frame, vector, {});
}

// hv loads a guest's selector, and this is the first use of that part of its LDT.
bool hv_page_fault(TrapFrame&, std::uint64_t address) {
    const std::uint64_t window = ldt_window(hv::current_cpu());
    if (address < window || address >= window + kWindowPages * kPageSize) return false;
    return map_ldt_page(current_vcpu(), static_cast<unsigned>((address - window) >> kPageShift), Preemption::Forbidden)
        .has_value();
}

}  // namespace hv::x86
