// Places in hv's code that are either five bytes of NOP or a jump, by which measures against leaks are at work. A
// processor that needs none runs the NOPs. traps/switches.h makes them.
#pragma once

namespace hv::x86 {

// Sets every place by measures_at_work(). No other CPU may run hv's code meanwhile: on the boot CPU before the others
// start, or at a standstill, where every other CPU executes a serialising instruction before it goes on.
void set_switches();

}  // namespace hv::x86
