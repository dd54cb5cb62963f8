// Control operations on the scheduler. See control.hpp for the rules that all structures follow.
#pragma once

#include <cstdint>

namespace hv::abi::control {

inline constexpr std::uint32_t kDefaultWeight = 256;
inline constexpr std::uint32_t kMinWeight = 1;
inline constexpr std::uint32_t kMaxWeight = 65535;

// GetSchedParameters, SetSchedParameters: shares of a domain. Setting applies to all its vCPUs at once.
struct SchedParameters {
    std::uint16_t domain;       // +0   in
    std::uint16_t reserved0;    // +2
    std::uint32_t weight;       // +4   kMinWeight to kMaxWeight
    std::uint32_t cap;          // +8   most CPU time, in percent of one CPU; 0 means no cap
    std::uint32_t reservation;  // +12  guaranteed CPU time, in percent of one CPU; -ENOSPC when there is not that much
};
static_assert(sizeof(SchedParameters) == 16);

}  // namespace hv::abi::control
