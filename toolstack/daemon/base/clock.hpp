// The two clocks. What is shown to people is CLOCK_REALTIME, which may be stepped; whatever is counted from or waited
// for is CLOCK_MONOTONIC, which all processes of one boot of the host share and the next boot does not.
#pragma once

#include <cstdint>

namespace hvctld {

std::uint64_t realtime_us();
std::uint64_t monotonic_us();

}  // namespace hvctld
