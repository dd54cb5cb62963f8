// The machine's processors as the layers above x86/ see them. Seams: implemented by x86/smp and by the tests.
#pragma once

#include "hv/base/bitmap.hpp"
#include "hv/base/types.hpp"

namespace hv {

CpuId current_cpu();
const CpuSet& online_cpus();  // constant once the machine is up

// Makes `cpu` pass through its return-to-guest work (or leave its idle wait) soon. Does not wait.
void kick_cpu(CpuId cpu);

// Runs `function(argument)` on every CPU of `cpus` (this one included, when it is a member) and waits until all are
// done. It runs with interrupts off, possibly in the middle of a wait for a lock: it must take no lock itself.
void call_on_cpus(const CpuSet& cpus, void (*function)(void*), void* argument);

}  // namespace hv
