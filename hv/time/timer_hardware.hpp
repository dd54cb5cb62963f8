// This CPU's timer interrupt. Seam: implemented by x86/apic and by the tests.
#pragma once

#include "hv/base/types.hpp"

namespace hv::time {

inline constexpr Nanoseconds kNoDeadline = INT64_MAX;

// One interrupt on this CPU at or soon after `deadline` (system time; at once when it has passed). Replaces the last
// one. The interrupt calls timer_interrupt() below.
void program_timer(Nanoseconds deadline);

// Provided by the timer queue: runs what is due on this CPU and programs the timer again.
void timer_interrupt();

}  // namespace hv::time
