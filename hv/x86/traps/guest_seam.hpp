// What the guest code in x86/pv provides to trap handling: PV guests, and no others, run in ring 3 of hv's own tables.
// traps/defaults.cpp has weak stand-ins that panic or do nothing.
#pragma once

#include "hv/x86/traps/trap_frame.hpp"

namespace hv::x86 {

// An exception in ring 3. Runs on the CPU's stack, interrupts off; the frame is what the guest resumes with.
void guest_trap(TrapFrame& frame);
// hv's own IRET to ring 3 faulted on what the frame asks for; vector and error code are the fault's. As above, but
// interrupts have not been on since the last time: bounded work only.
void guest_return_failed(TrapFrame& frame);
// The last thing before every return to ring 3: softirq-like work, scheduling, event injection.
extern "C" void return_to_guest_work(TrapFrame& frame);
// A page fault in hv's own code that has no fix-up yet. True: it was dealt with, try again.
bool hv_page_fault(TrapFrame& frame, std::uint64_t address);

}  // namespace hv::x86
