// IA32_TSC_AUX, where kernels keep the CPU's number for RDTSCP and RDPID. It begins as the vCPU's number: Linux writes
// it on its boot CPU only, and a program that asks its vDSO for the CPU is to get the right answer on the others too.
#pragma once

namespace hv {
class Vcpu;
}

namespace hv::x86 {

struct TrapFrame;

// The vCPU's value, into this CPU's register.
void load_tsc_aux(const Vcpu& vcpu);

// RDPID, which older processors do not have: every guest has it. False: the instruction is another one. True: the frame
// is past it, and the caller does what its kind of guest needs after an instruction.
bool emulate_rdpid(Vcpu& vcpu, TrapFrame& frame);

}  // namespace hv::x86
