// HypercallId::Iret: how a guest's kernel returns from a trap, an event or a system call.
#pragma once

#include "hv/x86/traps/trap_frame.hpp"

namespace hv {
class Vcpu;
}

namespace hv::x86 {

void guest_iret(Vcpu& vcpu, TrapFrame& frame);

}  // namespace hv::x86
