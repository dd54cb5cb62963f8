// This processor's leaks, and what hv does against them.
#pragma once

#include "hv/x86/leaks/mitigations.hpp"

namespace hv::x86 {

// Boot CPU, after identify_cpu(); once, and again at a standstill when new microcode has changed what the processor
// says of itself.
void decide_mitigations();
const Mitigations& mitigations();
// Wanted, and this hv has it.
bool at_work(Measure measure);

// Boot CPU, once: logs what it suffers from and what is not done against it. Says nothing of a sound processor.
void report_leaks();

}  // namespace hv::x86
