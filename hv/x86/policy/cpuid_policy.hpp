// CPUID of guests: what all are shown, which their kind then filters (vcpu/guest_kind.hpp).
#pragma once

namespace hv {
class Vcpu;
}

namespace hv::x86 {

struct TrapFrame;

// CPUID as the vCPU sees it: leaf and subleaf in eax and ecx of the frame.
void emulate_cpuid(Vcpu& vcpu, TrapFrame& frame);

}  // namespace hv::x86
