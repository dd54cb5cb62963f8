// The machine's side of hv/machine/clock.hpp.
#pragma once

#include <cstdint>

namespace hv::x86 {

void note_start_of_time();  // the first line of start_machine(): now() counts from here
void start_clock();         // measures TSC and APIC timer, reads the CMOS clock; takes about 20 ms
void clock_not_stable(const char* why);

}  // namespace hv::x86
