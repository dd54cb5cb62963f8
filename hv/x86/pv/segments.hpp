// Segment selectors and bases of guests.
#pragma once

#include <cstdint>

#include "hv/base/result.hpp"

namespace hv {
class Vcpu;
}

namespace hv::x86 {

void save_segments(Vcpu& vcpu);
// A selector that the guest's tables no longer have becomes null.
void load_segments(const Vcpu& vcpu);
// On the current vCPU, in its kernel mode: into GS of user mode, leaving the kernel's base alone. The base that the descriptor says becomes the user base.
void load_user_gs(std::uint16_t selector);

}  // namespace hv::x86
