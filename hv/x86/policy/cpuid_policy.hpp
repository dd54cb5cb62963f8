// CPUID of guests.
#pragma once

namespace hv {
class Vcpu;
}

namespace hv::x86 {

struct TrapFrame;

// CPUID as the vCPU sees it: leaf and subleaf in eax and ecx of the frame.
void emulate_cpuid(Vcpu& vcpu, TrapFrame& frame);

}  // namespace hv::x86
