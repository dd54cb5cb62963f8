// Segment selectors and bases of guests.
#pragma once

#include <cstdint>

#include "hv/base/result.hpp"

namespace hv {
class Vcpu;
}

namespace hv::x86 {

struct TrapFrame;

// Selectors of guests ask for ring 3: one for less must not find hv's own segments, which ring 0 loads them from.
constexpr std::uint16_t guest_selector(std::uint16_t selector) {
    return selector > 3 ? selector | 3 : selector;
}

void save_segments(Vcpu& vcpu);
// A selector that the guest's tables no longer have becomes null; then false, and the guest is to be told.
[[nodiscard]] bool load_segments(const Vcpu& vcpu);
// On the current vCPU, whose registers are `frame`: tells the guest's kernel which selectors it had.
void deliver_failsafe(Vcpu& vcpu, TrapFrame& frame);
// On the current vCPU, in its kernel mode: into GS of user mode, leaving the kernel's base alone.
// The base that the descriptor says becomes the user base; a selector that cannot be loaded becomes
// null, which the caller sees in the register.
void load_user_gs(std::uint16_t selector);

}  // namespace hv::x86
