// Page faults of guests: what hv deals with itself, and what goes to the guest.
#include "hv/abi/xen/layout.hpp"
#include "hv/domain/domain.hpp"
#include "hv/memory/guest_access.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/emulate/instruction.hpp"
#include "hv/x86/pv/descriptors/descriptors.hpp"
#include "hv/x86/pv/mmu/guest_tables.hpp"
#include "hv/x86/pv/pv_vcpu.hpp"
#include "hv/x86/pv/traps/bounce.hpp"
#include "hv/x86/pv/traps/emulation.hpp"
#include "hv/x86/pv/traps/traps.hpp"

namespace hv::x86 {
namespace {

enum FaultBits : std::uint32_t { kProtection = 1, kWrite = 2, kUser = 4, kReserved = 8, kFetch = 16 };

// The processor itself reads descriptors, as a supervisor: a fault in this CPU's LDT window is the guest's first use of
// that LDT page.
bool fault_in_ldt_window(Vcpu& vcpu, TrapFrame& frame, std::uint64_t address, Preemption preemption) {
    const std::uint64_t window = ldt_window(hv::current_cpu());
    if (address < window || address >= window + 16 * kPageSize) return false;
    const Result<> mapped = map_ldt_page(vcpu, static_cast<unsigned>((address - window) >> kPageShift), preemption);
    if (mapped || mapped.error() == Error::Restart) return true;  // the guest executes it again
    // The guest sees it where it put its LDT.
    const std::uint64_t offset = address - window;
    deliver_page_fault(vcpu, frame, pv(vcpu).ldt_base.raw + offset, static_cast<std::uint32_t>(frame.error_code));
    return true;
}

// The guest named a selector in a part of the GDT that it has not set up.
bool fault_in_gdt_window(Vcpu& vcpu, TrapFrame& frame, std::uint64_t address) {
    const std::uint64_t window = gdt_window(hv::current_cpu());
    if (address < window || address >= window + abi::xen::kFirstReservedGdtByte) return false;
    deliver_general_protection(vcpu, frame, static_cast<std::uint32_t>((address - window) & 0xfff8));
    return true;
}

// In ring 3 both instructions can only stay there; the selectors are checked when hv itself returns with them.
bool interrupt_return(TrapFrame& frame) {
    struct {
        std::uint64_t rip, cs, rflags, rsp, ss;
    } image;
    if (!copy_from_guest(&image, GuestVirtual{frame.rsp}, sizeof image)) return false;
    frame.rip = image.rip;
    frame.cs = (image.cs & 0xffff) | 3;
    frame.rflags = (image.rflags & kGuestFlags) | kRflagsIf | 2;
    frame.rsp = image.rsp;
    frame.ss = (image.ss & 0xffff) | 3;
    return true;
}

bool far_return(Vcpu& vcpu, TrapFrame& frame, const Instruction& instruction) {
    const unsigned bytes = instruction.operand_bytes();
    std::uint64_t rip = 0, cs = 0;
    if (!copy_from_guest(&rip, GuestVirtual{frame.rsp}, bytes) ||
        !copy_from_guest(&cs, GuestVirtual{frame.rsp + bytes}, bytes))
        return false;
    frame.rip = rip;
    frame.cs = (cs & 0xffff) | 3;
    frame.rsp += 2 * bytes + (instruction.immediate & 0xffff);
    instruction_done(vcpu, frame);
    return true;
}

// Some processors (QEMU's TCG before 8.0 is one) read the stack frame of an IRET or a far RET that ring
// 3 executes as if ring 0 had asked, which SMAP forbids. No guest can cause such a fault otherwise, and
// the instruction is easily carried out here.
bool stack_read_as_supervisor(Vcpu& vcpu, TrapFrame& frame, std::uint64_t address) {
    // What they read, unless the stack segment of 32-bit code has a base.
    constexpr std::uint64_t kLargestFrame = 5 * sizeof(std::uint64_t);
    if (!guest_range_allowed(GuestVirtual{address}, 1) || address - frame.rsp >= kLargestFrame) return false;
    Instruction instruction;
    if (!decode(frame, instruction)) return false;
    frame.vector = kPageFault;  // leave with IRET, not SYSRET
    switch (instruction.opcode) {
        case 0xcf: return instruction.wide() && interrupt_return(frame);
        case 0xca:
        case 0xcb: return far_return(vcpu, frame, instruction);
        default: return false;
    }
}

}  // namespace

[[gnu::hot]] void guest_page_fault(Vcpu& vcpu, TrapFrame& frame) {
    const std::uint64_t address = read_cr2();
    const auto error = static_cast<std::uint32_t>(frame.error_code);
    if (!(error & kUser)) {
        if (fault_in_ldt_window(vcpu, frame, address, Preemption::Allowed) || fault_in_gdt_window(vcpu, frame, address))
            return;
        if ((error & kProtection) && stack_read_as_supervisor(vcpu, frame, address)) return;
    }
    // A write to one of its own page tables, mapped read-only: the guest's kernel changes an entry in place.
    constexpr std::uint32_t kWriteProtected = kProtection | kWrite;
    const std::uint64_t rip = frame.rip;
    if (pv(vcpu).kernel_mode && (error & (kWriteProtected | kReserved | kFetch)) == kWriteProtected &&
        emulate_table_write(vcpu, frame, address)) {
        if (frame.rip != rip) instruction_done(vcpu, frame);
        return;
    }
    deliver_page_fault(vcpu, frame, address, error);
}

// Each time that the IRET is tried again, another page of the LDT is there.
void guest_return_page_fault(Vcpu& vcpu, TrapFrame& frame) {
    const std::uint64_t address = read_cr2();
    if (fault_in_ldt_window(vcpu, frame, address, Preemption::Forbidden) || fault_in_gdt_window(vcpu, frame, address))
        return;
    deliver_page_fault(vcpu, frame, address, static_cast<std::uint32_t>(frame.error_code));
}

}  // namespace hv::x86
