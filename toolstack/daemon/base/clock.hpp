// The two clocks. What is shown to people is CLOCK_REALTIME, which may be stepped; whatever is counted from or waited
// for is CLOCK_MONOTONIC, which all processes of one boot of the host share and the next boot does not.
#pragma once

#include <cstdint>

namespace hvctld {

std::uint64_t realtime_us();
std::uint64_t monotonic_us();

// For tests: an administrator or NTP sets the wall clock forward by so much, or back.
void step_realtime(std::int64_t by_us);

}  // namespace hvctld
