// SCHEDOP_poll, apart from the other calls of sched_op because its wait goes on after the call has returned.
#pragma once

#include "hv/hypercall/hypercall.hpp"

namespace hv {

// SCHEDOP_poll of the current vCPU: waits until one of its ports is pending or the time has come, with events masked or
// not. Returns at once; the wait is before the return to the guest, and its result is always 0.
HypercallResult sched_poll(GuestVirtual argument);

}  // namespace hv
