// Names shared by every part of the store.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string_view>

namespace hvctld::store {

// A domain as the hypervisor numbers it. Dom0 is privileged: no permission and no quota applies to it.
struct DomainId {
    std::uint16_t raw = 0;
    constexpr auto operator<=>(const DomainId&) const = default;
};
inline constexpr DomainId kDom0{0};

// A transaction of one client; 0 on the wire means "none".
struct TransactionId {
    std::uint32_t raw = 0;
    constexpr auto operator<=>(const TransactionId&) const = default;
};
inline constexpr TransactionId kNoTransaction{0};

// Counts modifications of the store. A node remembers the generation of its last change.
using Generation = std::uint64_t;

// Limits of the public protocol (public/io/xs_wire.h), in bytes, terminating NUL excluded.
inline constexpr std::uint32_t kMaxPayload = 4096;
inline constexpr std::uint32_t kMaxAbsolutePath = 3072;
inline constexpr std::uint32_t kMaxRelativePath = 2048;

enum class LogLevel : std::uint8_t { Debug, Info, Warning, Error };
using LogSink = std::function<void(LogLevel, std::string_view)>;

}  // namespace hvctld::store

template <>
struct std::hash<hvctld::store::DomainId> {
    std::size_t operator()(hvctld::store::DomainId id) const noexcept { return id.raw; }
};
