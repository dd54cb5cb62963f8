// How late timers were: what `hvctl perf timer.` shows, and the log.
#pragma once

#include <cstdint>

#include "hv/base/types.hpp"

namespace hv {

// A deadline that is this far past, and has not been handled, is not waited for any longer. Below that it is only a CPU
// that was busy, or a virtual one that did not run.
inline constexpr Nanoseconds kTimerLate = 50'000'000;

// On `cpu` a timer is handled `by` nanoseconds, more than kTimerLate, after its deadline. `missed`: another CPU looked,
// and there was no sign of its interrupt (an emulator whose own timers are late looks the same). Hold no lock.
void note_late_timer(CpuId cpu, Nanoseconds by, bool missed, Nanoseconds now);

// Counter `index`, over all CPUs since boot; false past the end.
bool timer_counter(std::uint32_t index, const char*& name, std::uint64_t& value);

}  // namespace hv
