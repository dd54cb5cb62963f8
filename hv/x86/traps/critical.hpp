// Traps that have their own stacks; machine checks are in machine_check.hpp.
#pragma once

#include "hv/x86/traps/trap_frame.hpp"

namespace hv::x86 {

void handle_nmi(TrapFrame& frame);
void handle_hv_debug(TrapFrame& frame);  // #DB in ring 0

}  // namespace hv::x86
