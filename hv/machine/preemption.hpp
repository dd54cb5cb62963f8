// How work that takes long notices that it should stop.
#pragma once

namespace hv {

// Whether this CPU should turn to something else: a reschedule was asked for, or this work has gone on for so long that
// interrupts, which are off, must be let in. Long loops ask after every bounded piece of work and return Error::Restart
// when it is true.
bool preemption_needed();

}  // namespace hv
