// CR4 of PV guests. Each bit that a guest may set does what the processor's manual says; the others are refused, so
// that no kernel believes in something that is not there.
#pragma once

#include <cstdint>

namespace hv {
class Vcpu;
}

namespace hv::x86 {

// May a guest have this value? What hv needs is on, and cannot be turned off.
bool guest_may_have_cr4(std::uint64_t value);
// What a vCPU starts with that asks for `wanted`: a kernel need not know which bits hv needs.
std::uint64_t initial_guest_cr4(std::uint64_t wanted);

// A vCPU on this CPU: false when it may not have the value, and nothing changed.
bool set_guest_cr4(Vcpu& vcpu, std::uint64_t value);
// The vCPU's time stamp disable bit, when it starts to run on this CPU. The one bit that reaches the processor's CR4.
void load_time_stamp_disable(const Vcpu& vcpu);

}  // namespace hv::x86
