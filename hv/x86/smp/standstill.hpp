// The machine at a standstill: one CPU works while no other executes anything but a wait.
#pragma once

namespace hv::x86 {

// Runs `work(argument)` on one of the CPUs, once all others only wait for its end. `work` takes no locks (so it does not log).
void at_standstill(void (*work)(void*), void* argument);

}  // namespace hv::x86
