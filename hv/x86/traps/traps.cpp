// The first C++ of every trap: from a guest it goes to x86/pv, an interrupt to its handler, hv's own faults to their
// fix-up or to a panic.
#include <cstring>

#include "hv/base/log.hpp"
#include "hv/x86/apic/interrupts.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/panic/panic.hpp"
#include "hv/x86/traps/critical.hpp"
#include "hv/x86/traps/exception_table.hpp"
#include "hv/x86/traps/guest_seam.hpp"
#include "hv/x86/traps/machine_check.hpp"
#include "hv/x86/traps/masked_time.hpp"
#include "hv/x86/traps/trap_frame.hpp"

namespace hv::x86 {
namespace {

extern "C" const char leave_iret[];
// IRET to a guest faulted in ring 0: its stack pointer stands on the five words that it was to load, and the fault's
// frame has the guest's registers. The guest gets the fault as its own, but nothing is carried out for it: interrupts
// were off all the time, so going back to the IRET again and again must have an end. The two frames overlap, hence the
// copy.
[[noreturn]] void blame_guest_for_iret(const TrapFrame& fault) {
    TrapFrame guest = fault;
    std::memcpy(&guest.rip, reinterpret_cast<const void*>(fault.rsp), 5 * sizeof(std::uint64_t));
    *per_cpu().frame = guest;
    run_on_empty_stack([] {
        guest_return_failed(*per_cpu().frame);
        resume_guest();
    });
}

void hv_exception(TrapFrame& frame) {
    if (frame.rip == reinterpret_cast<std::uint64_t>(leave_iret)) blame_guest_for_iret(frame);
    // Before the fix-ups: that of a segment load is for a descriptor that cannot be had at all, and this fault may only
    // be the first use of an LDT's page.
    if (frame.vector == kPageFault && hv_page_fault(frame, read_cr2())) return;
    if (const std::uint64_t resume = find_fixup(frame.rip)) {
        frame.rip = resume;
        return;
    }
    panic_trap(frame);
}

}  // namespace

extern "C" [[gnu::hot]] void handle_trap(TrapFrame& frame) {
    masked_time_begins(frame.vector < kExceptions ? kExceptionCauses + static_cast<std::uint32_t>(frame.vector)
                                                  : kInterruptCause);
    if (frame.vector >= kFirstExternal) return handle_interrupt(static_cast<std::uint8_t>(frame.vector));
    if (frame.from_guest()) return guest_trap(frame);
    hv_exception(frame);
}

extern "C" void handle_critical_trap(TrapFrame& frame) {
    switch (frame.vector) {
        case kNmi: return handle_nmi(frame);
        case kMachineCheck: return handle_machine_check(frame);
        case kDebug: return handle_hv_debug(frame);
        default: panic_trap(frame);
    }
}

}  // namespace hv::x86
