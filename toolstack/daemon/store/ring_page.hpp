// The page that a domain shares with the store (public/io/xs_wire.h, struct xenstore_domain_interface).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>

namespace hvctld::store {

inline constexpr std::uint32_t kRingSize = 1024;

struct RingPage {
    char requests[kRingSize];         // +0     domain to store
    char responses[kRingSize];        // +1024  store to domain
    std::uint32_t request_consumer;   // +2048  free-running; masked with kRingSize - 1
    std::uint32_t request_producer;   // +2052
    std::uint32_t response_consumer;  // +2056
    std::uint32_t response_producer;  // +2060
    std::uint32_t server_features;    // +2064
    std::uint32_t connection;         // +2068
    std::uint32_t error;              // +2072
};
static_assert(std::is_standard_layout_v<RingPage> && sizeof(RingPage) == 2076);
static_assert(offsetof(RingPage, request_consumer) == 2048 && offsetof(RingPage, error) == 2072);

inline constexpr std::uint32_t kServerFeatureReconnect = 1;
inline constexpr std::uint32_t kServerFeatureError = 2;

enum class RingConnection : std::uint32_t { Connected = 0, Reconnect = 1 };
enum class RingError : std::uint32_t { None = 0, Communication = 1, Indexes = 2, Protocol = 3 };

// How the store reaches a domain's ring. The page is the domain's own memory: nothing in it is believed.
struct RingPort {
    RingPage* page = nullptr;
    std::function<void()> notify;      // sends the domain its event; must not call back into the store
    std::shared_ptr<void> keep_alive;  // whatever keeps `page` mapped; dropped when the ring is given up
};

}  // namespace hvctld::store
