// HypercallId::Iret: how a guest's kernel returns from a trap, an event or a system call.
#pragma once

#include "hv/hypercall/hypercall.hpp"
#include "hv/x86/traps/trap_frame.hpp"

namespace hv {
class Vcpu;
}

namespace hv::x86 {

// Replaces the current vCPU's registers, which are in `frame`, by those on its stack.
void guest_iret(Vcpu& vcpu, TrapFrame& frame);
// The same as an entry of a multicall; the result is the new rax.
HypercallResult do_iret(HypercallArguments& arguments);

}  // namespace hv::x86
