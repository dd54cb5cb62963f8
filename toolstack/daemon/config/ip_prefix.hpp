// An address of a network interface, or a network that is routed to it, as `addresses:` has them.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "config/values.hpp"

namespace hvctld::config {

struct IpPrefix {
    bool six = false;                      // IPv6
    std::array<std::uint8_t, 16> bytes{};  // in network order; of IPv4 the first four
    std::uint32_t length = 0;              // of the network
    bool operator==(const IpPrefix&) const = default;

    [[nodiscard]] std::uint32_t bits() const { return six ? 128 : 32; }
    // The bits after the length are all zero: the network itself, none of its hosts. An address alone is no network.
    [[nodiscard]] bool is_network() const;
    // The network that it is in.
    [[nodiscard]] IpPrefix network() const;
    // Whether all of `other`, or, where that is a host, its address, is in the network that this is in.
    [[nodiscard]] bool covers(const IpPrefix& other) const;
    // Whether one guest's use of this and another's of `other` would be a use of one address by both.
    [[nodiscard]] bool conflicts(const IpPrefix& other) const;
    // Of IPv4: "255.255.255.0".
    [[nodiscard]] std::string netmask() const;
    // "192.0.2.10"
    [[nodiscard]] std::string address() const;
    // "192.0.2.10/24"
    [[nodiscard]] std::string text() const;
};

// "192.0.2.10/24": a host and how long its network's prefix is. "2001:db8:1::/64": a network. "192.0.2.10": a host that
// is told of no network.
Parsed<IpPrefix> parse_ip_prefix(std::string_view text);

}  // namespace hvctld::config
