// LFENCE keeps AMD's processors from going on ahead of it only where a bit of DE_CFG says so, or where they cannot do
// otherwise (AMD, "Software Techniques for Managing Speculation on AMD Processors", LFENCE). hv's barriers rest on it.
#pragma once

#include "hv/x86/leaks/identification.hpp"

namespace hv::x86 {

// The bit in DE_CFG that has to be set; 0: LFENCE always waits, or the register is another hypervisor's affair.
std::uint64_t lfence_waits_bit(const Identification& id);

}  // namespace hv::x86
