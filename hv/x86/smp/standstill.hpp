// The machine at a standstill: one CPU works while no other executes anything but a wait.
#pragma once

namespace hv::x86 {

// Runs `work(argument)` on one of the CPUs, once all others only wait for its end. `work` takes no locks (so it does not log).
void at_standstill(void (*work)(void*), void* argument);

// Whether what may change the map of physical addresses has to be done at a standstill. QEMU's TCG (seen in 7.2) exchanges that map
// under CPUs that run: what they write to their local APICs just then goes to another device, so an interrupt, the end of one or a
// timer is lost, or QEMU dies.
bool standstill_to_move_devices();

}  // namespace hv::x86
