// The store's wire protocol: the header of every message and the ring through which a guest speaks it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hv::abi::xen {

enum class XsMessageType : std::uint32_t {
    Control = 0,
    Directory = 1,
    Read = 2,
    GetPerms = 3,
    Watch = 4,
    Unwatch = 5,
    TransactionStart = 6,
    TransactionEnd = 7,
    Introduce = 8,
    Release = 9,
    GetDomainPath = 10,
    Write = 11,
    Mkdir = 12,
    Rm = 13,
    SetPerms = 14,
    WatchEvent = 15,
    Error = 16,
    IsDomainIntroduced = 17,
    Resume = 18,
    SetTarget = 19,
    ResetWatches = 21,
    DirectoryPart = 22,
    Invalid = 0xffff,
};
inline constexpr std::uint32_t kXsTypeCount = 23;

// Followed by `length` bytes, as a rule NUL-terminated strings.
struct XsMessageHeader {
    std::uint32_t type;            // +0   XsMessageType
    std::uint32_t request_id;      // +4   echoed in the answer
    std::uint32_t transaction_id;  // +8   0 outside transactions
    std::uint32_t length;          // +12  at most kXsPayloadMax
};
static_assert(sizeof(XsMessageHeader) == 16);

inline constexpr std::uint32_t kXsPayloadMax = 4096;
inline constexpr std::uint32_t kXsAbsolutePathMax = 3072;
inline constexpr std::uint32_t kXsRelativePathMax = 2048;
inline constexpr std::uint32_t kXsRingSize = 1024;

inline constexpr std::uint32_t kXsFeatureReconnection = 1;
inline constexpr std::uint32_t kXsFeatureError = 2;

enum class XsConnection : std::uint32_t { Connected = 0, Reconnect = 1 };
enum class XsRingError : std::uint32_t { None = 0, Communication = 1, RingIndex = 2, Protocol = 3 };

// Indices run freely; an offset is the index modulo kXsRingSize.
struct XsRing {
    char request[kXsRingSize];      // +0     guest to store
    char response[kXsRingSize];     // +1024  store to guest
    std::uint32_t request_cons;     // +2048
    std::uint32_t request_prod;     // +2052
    std::uint32_t response_cons;    // +2056
    std::uint32_t response_prod;    // +2060
    std::uint32_t server_features;  // +2064  kXsFeature*
    std::uint32_t connection;       // +2068  XsConnection
    std::uint32_t error;            // +2072  XsRingError
};
static_assert(sizeof(XsRing) == 2076 && offsetof(XsRing, request_cons) == 2048);

}  // namespace hv::abi::xen
