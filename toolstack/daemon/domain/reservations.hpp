// Whether the CPU time that guests have reserved is there on the CPUs that their vCPUs may run on.
#pragma once

#include <cstdint>
#include <vector>

namespace hvctld {

struct Reservation {
    std::uint32_t percent = 0;                      // of one CPU
    std::vector<std::vector<std::uint32_t>> vcpus;  // the CPUs that each may run on
};

// How much of what `wanted` reserves there is beside what `others` have, in percent of one CPU. A vCPU gets no more
// than all of one CPU.
std::uint32_t room_for(const Reservation& wanted, const std::vector<Reservation>& others);

}  // namespace hvctld
