// Machine checks: what the processor found broken (Intel SDM volume 3, "Machine-Check Architecture").
#pragma once

#include "hv/x86/traps/trap_frame.hpp"

namespace hv::x86 {

void enable_machine_checks();  // on every CPU

// One that nothing can go on after ends the machine. Others are noted, and logged when this CPU is about to leave hv:
// the trap may have struck anywhere, and the log waits for its lock and answers other CPUs meanwhile.
void handle_machine_check(TrapFrame& frame);
void report_machine_checks();

}  // namespace hv::x86
