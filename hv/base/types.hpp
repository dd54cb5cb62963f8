// The numbers that hv deals in, each a type of its own in every build.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace hv {

inline constexpr unsigned kPageShift = 12;
inline constexpr std::size_t kPageSize = std::size_t{1} << kPageShift;

template <class Tag>
struct FrameNumber {
    std::uint64_t raw;
    constexpr auto operator<=>(const FrameNumber&) const = default;
    constexpr FrameNumber operator+(std::uint64_t frames) const { return {raw + frames}; }
    constexpr std::uint64_t operator-(FrameNumber other) const { return raw - other.raw; }
    constexpr FrameNumber& operator++() {
        ++raw;
        return *this;
    }
};
using Mfn = FrameNumber<struct MfnTag>;  // machine frame
using Gfn = FrameNumber<struct GfnTag>;  // what the guest calls a frame; equals the mfn for PV guests
using Pfn = FrameNumber<struct PfnTag>;  // pseudo-physical frame of a PV guest
inline constexpr Mfn kInvalidMfn{~std::uint64_t{0}};

template <class Tag>
struct Address {
    std::uint64_t raw;
    constexpr auto operator<=>(const Address&) const = default;
    constexpr Address operator+(std::uint64_t bytes) const { return {raw + bytes}; }
    constexpr std::uint64_t offset_in_page() const { return raw & (kPageSize - 1); }
};
using MachineAddress = Address<struct MachineTag>;
using GuestVirtual = Address<struct GuestVirtualTag>;

constexpr MachineAddress address_of(Mfn frame) {
    return {frame.raw << kPageShift};
}
constexpr Mfn frame_of(MachineAddress address) {
    return {address.raw >> kPageShift};
}

using DomainId = std::uint16_t;
using VcpuId = std::uint32_t;
using CpuId = std::uint32_t;
using EventPort = std::uint32_t;
using GrantRef = std::uint32_t;
using Nanoseconds = std::int64_t;  // system time: since boot

inline constexpr CpuId kMaxCpus = 256;
inline constexpr CpuId kNoCpu = ~CpuId{0};

}  // namespace hv
