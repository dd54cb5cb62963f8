// The wall clock as Dom0 set it (XENPF_settime); until then the machine's RTC.
#pragma once

#include <cstdint>

namespace hv::time {

// UTC in nanoseconds since 1970 at system time 0.
std::uint64_t wallclock_base();
void set_wallclock(std::uint64_t utc_ns, std::uint64_t system_time_ns);

}  // namespace hv::time
