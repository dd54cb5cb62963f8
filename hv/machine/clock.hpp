// The clock.
#pragma once

#include <cstdint>

#include "hv/base/types.hpp"

namespace hv::time {

// Since boot; never goes backwards on one CPU, and on no pair of CPUs when tsc_stable().
Nanoseconds now();

std::uint64_t tsc_khz();
// The TSC runs at one rate in every state and alike on all CPUs: guests may read it without asking.
bool tsc_stable();
std::uint64_t wallclock_at_boot_ns();  // UTC, nanoseconds since 1970, at now() == 0

// How ticks become nanoseconds: ((ticks << shift) * multiplier) >> 32, with a negative shift to the right; exactly the
// fields of the pvclock ABI. now() == scale(tsc - tsc_at_boot).
struct TscScale {
    std::uint32_t multiplier;
    std::int8_t shift;
    std::uint64_t tsc_at_boot;
};
const TscScale& tsc_scale();
Nanoseconds nanoseconds_of(std::uint64_t ticks);
std::uint64_t ticks_of(Nanoseconds duration);

// The TSC, corrected so that all CPUs agree.
std::uint64_t read_tsc();

}  // namespace hv::time
