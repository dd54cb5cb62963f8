// Traps that have their own stacks.
#pragma once

#include "hv/x86/traps/trap_frame.hpp"

namespace hv::x86 {

void handle_nmi(TrapFrame& frame);
void handle_machine_check(TrapFrame& frame);
void handle_hv_debug(TrapFrame& frame);  // #DB in ring 0
void enable_machine_checks();            // on every CPU

}  // namespace hv::x86
