// `watchdog` on the command line: CPUs watch each other. Each has a timer that counts its heartbeats and looks at the
// next CPU's; a neighbour that has missed as many as the time-out allows gets an NMI, whose handler panics there and so
// tells where it hangs. No performance counter is needed, so it works in every emulator. The price: when all of them
// hang with interrupts off, none is left to look.
#pragma once

#include "hv/x86/traps/trap_frame.hpp"

namespace hv::x86 {

void start_watchdog();  // every CPU is online; does nothing unless asked for on the command line
// In the NMI handler: panics when this CPU was found hanging.
void watchdog_nmi(const TrapFrame& frame);

}  // namespace hv::x86
