// The PC's battery clock (MC146818 data sheet).
#pragma once

#include <cstdint>

namespace hv::x86 {

// Seconds since 1970, taking it to run on UTC; 0 when there is no such clock.
std::uint64_t read_cmos_clock();

}  // namespace hv::x86
