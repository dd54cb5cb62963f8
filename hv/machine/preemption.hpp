// How long work notices that it should stop.
#pragma once

namespace hv {

// Whether something more urgent waits for this CPU (an interrupt, a reschedule, a TLB flush request). Long loops
// ask after every bounded piece of work and return Error::Restart when it is true.
bool preemption_needed();

}  // namespace hv
