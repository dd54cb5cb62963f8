// What the scheduler needs from the machine. Implemented by x86/ and by the tests.
#pragma once

#include "hv/base/types.hpp"
#include "hv/machine/cpus.hpp"

namespace hv {

// Makes `cpu` (this one or another) call schedule() soon: before its next return to a guest, or out of its idle wait.
// Called with run queue locks held; does not wait.
void request_reschedule(CpuId cpu);

}  // namespace hv
