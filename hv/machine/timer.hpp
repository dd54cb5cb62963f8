// This CPU's timer interrupt.
#pragma once

#include "hv/base/types.hpp"

namespace hv::time {

inline constexpr Nanoseconds kNoDeadline = INT64_MAX;

// One interrupt on this CPU at or soon after `deadline` (system time; at once when it has passed). Replaces the last
// one. The interrupt calls timer_interrupt() below.
void program_timer(Nanoseconds deadline);

// Whether an interrupt of this CPU's timer is still to be expected: it waits to be taken,
// or the hardware has yet to send it.
bool timer_interrupt_expected();

// Provided by the timer queue: runs what is due on this CPU and programs the timer again. The first is for the
// interrupt, the second for a CPU that request_timer_update() has asked.
void timer_interrupt();
void update_timers();

}  // namespace hv::time
