// The numbers that hv deals in, each a type of its own in every build.
#pragma once

#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

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

// The number of one of many. It is made from a plain number explicitly, is compared with its own kind alone, and goes
// on to the next. `raw` is the number itself: for arrays, for arithmetic, and for the ABIs, whose structures have plain
// integers.
template <class Tag, class Raw>
struct Id {
    using Number = Raw;
    Raw raw = 0;
    constexpr Id() = default;
    constexpr explicit Id(Raw number) : raw{number} {}
    constexpr auto operator<=>(const Id&) const = default;
    constexpr Id& operator++() {
        ++raw;
        return *this;
    }
    constexpr Id next() const { return Id{static_cast<Raw>(raw + 1)}; }
};
using DomainId = Id<struct DomainIdTag, std::uint16_t>;
using VcpuId = Id<struct VcpuIdTag, std::uint32_t>;        // within its domain
using CpuId = Id<struct CpuIdTag, std::uint32_t>;          // of the machine, in the order in which hv found them
using EventPort = Id<struct EventPortTag, std::uint32_t>;  // within its domain
using GrantRef = Id<struct GrantRefTag, std::uint32_t>;    // of an entry in its domain's grant table
static_assert(!std::is_convertible_v<std::uint32_t, CpuId> && !std::is_convertible_v<CpuId, std::uint32_t>);
static_assert(!std::is_constructible_v<CpuId, VcpuId> && !std::equality_comparable_with<CpuId, VcpuId>);
static_assert(sizeof(DomainId) == 2 && sizeof(EventPort) == 4 && std::is_trivially_copyable_v<EventPort>);

// The ids from 0 to `count` - 1, for loops.
template <class Id>
struct IdRange {
    struct Iterator {
        Id at;
        constexpr Id operator*() const { return at; }
        constexpr Iterator& operator++() {
            ++at;
            return *this;
        }
        constexpr bool operator!=(const Iterator& other) const { return at != other.at; }
    };
    typename Id::Number count;
    constexpr Iterator begin() const { return {Id{}}; }
    constexpr Iterator end() const { return {Id{count}}; }
};
template <class Id>
constexpr IdRange<Id> ids(typename Id::Number count) {
    return {count};
}

using Nanoseconds = std::int64_t;  // system time: since boot

inline constexpr std::uint32_t kMaxCpus = 256;
inline constexpr CpuId kNoCpu{~std::uint32_t{0}};
inline constexpr EventPort kNoPort{0};

}  // namespace hv
