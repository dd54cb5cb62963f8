// Identifiers of the hypervisor's world as types of their own, so that none can stand in for another.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

#include "hv/abi/control/control.hpp"
#include "hv/abi/control/domain.hpp"

namespace hvctl {

using hv::abi::control::kMostVcpus;  // of a domain

inline constexpr std::uint64_t kPageSize = 4096;
inline constexpr unsigned kPageShift = 12;

// Bytes to whole pages, rounded up; exact for every 64-bit value.
constexpr std::uint64_t pages_for(std::uint64_t bytes) {
    return (bytes >> kPageShift) + ((bytes & (kPageSize - 1)) != 0 ? 1 : 0);
}

template <class Tag>
struct FrameNumber {
    std::uint64_t raw = 0;
    constexpr auto operator<=>(const FrameNumber&) const = default;
    constexpr FrameNumber operator+(std::uint64_t frames) const { return {raw + frames}; }
};

using Mfn = FrameNumber<struct MfnTag>;  // machine frame: host memory
using Pfn = FrameNumber<struct PfnTag>;  // pseudo-physical frame: a PV guest's own contiguous numbering

template <class Tag, class Raw>
struct Id {
    Raw raw = 0;
    constexpr auto operator<=>(const Id&) const = default;
};

using DomainId = Id<struct DomainIdTag, std::uint16_t>;
using VcpuId = Id<struct VcpuIdTag, std::uint32_t>;
using EventPort = Id<struct EventPortTag, std::uint32_t>;  // local to one domain; 0 is no port
using GrantRef = Id<struct GrantRefTag, std::uint32_t>;

inline constexpr DomainId kDom0{0};
inline constexpr DomainId kDomainSelf{hv::abi::control::kDomainSelf};
inline constexpr DomainId kDomainAny{hv::abi::control::kDomainAny};

}  // namespace hvctl
