// What AMD's microcode mends without CPUID saying so.
#pragma once

#include "hv/x86/leaks/identification.hpp"

namespace hv::x86 {

bool microcode_mends_zenbleed(const Identification& id);  // AMD-SB-7008
bool microcode_has_tsa_verw(const Identification& id);    // VERW clears what TSA reads: AMD-SB-7029

}  // namespace hv::x86
