// AMD's processors of before SPEC_CTRL keep loads from overtaking stores by a bit of LS_CFG. A guest asks for it
// through a register that only exists for guests, VIRT_SPEC_CTRL (AMD, "Speculative Store Bypass Disable", 2018).
#pragma once

#include "hv/x86/leaks/identification.hpp"

namespace hv::x86 {

// The bit in LS_CFG; 0: there is none, or another hypervisor has it.
std::uint64_t virtual_ssbd_bit(const Identification& id);

}  // namespace hv::x86
