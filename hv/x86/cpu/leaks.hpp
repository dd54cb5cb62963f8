// This processor's leaks.
#pragma once

namespace hv::x86 {

// Boot CPU, once: logs what it suffers from and what is not done against it. Says nothing of a sound processor.
void report_leaks();

}  // namespace hv::x86
