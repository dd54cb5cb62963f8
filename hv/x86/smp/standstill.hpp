// The machine at a standstill: one CPU works while no other executes anything but a wait.
//
// QEMU's TCG (seen in 7.2) exchanges the map of physical addresses under CPUs that run. One that waits
// for QEMU meanwhile, in a write to its local APIC, makes its next one with the old map: it goes to
// another device, so that an interrupt between CPUs is lost, or QEMU dies. Whatever may change that map
// is done at a standstill there (emulated_by_tcg()).
#pragma once

namespace hv::x86 {

// Runs `work(argument)` on this CPU, once all others only wait for its end. `work` takes no locks (so it does not log).
void at_standstill(void (*work)(void*), void* argument);
// Before that every CPU does `turn(argument)`, this one included, one after another. They may change what hv's code is:
// each CPU serialises before it goes on.
void at_standstill_by_turns(void (*turn)(void*), void (*work)(void*), void* argument);

}  // namespace hv::x86
