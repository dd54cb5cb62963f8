#include "devices/network/guest_routes.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace hvctld {
namespace {

// In a network that the bridge is in; link-local ones are in that of each.
bool is_own(const config::NetworkSettings& network, const config::IpPrefix& address) {
    constexpr std::uint8_t kLinkLocal = 0xfe, kNext = 0x80, kNextBits = 0xc0;  // fe80::/10
    if (address.six && address.bytes[0] == kLinkLocal && (address.bytes[1] & kNextBits) == kNext) return true;
    return std::ranges::any_of(network.addresses,
                               [&](const config::IpPrefix& own) { return own.network().covers(address); });
}

}  // namespace

std::vector<Route> guest_routes(const config::NetworkSettings& network, const config::NicDefinition& nic) {
    std::vector<Route> routes;
    if (nic.vlan != 0) return routes;  // Dom0's addresses are in another VLAN
    for (const config::IpPrefix& address : nic.addresses) {
        if (is_own(network, address)) continue;
        Route route{address, std::nullopt};
        if (!address.is_network()) {
            route.to.length = address.bits();
        } else {
            const auto host = std::ranges::find_if(nic.addresses, [&](const config::IpPrefix& one) {
                return one.six == address.six && !one.is_network();
            });
            if (host != nic.addresses.end()) route.via = *host;
        }
        routes.push_back(std::move(route));
    }
    // A network behind a host comes after the host: it is reached then.
    std::ranges::stable_partition(routes, [](const Route& route) { return !route.via; });
    return routes;
}

std::vector<config::IpPrefix> guest_gateways(const config::NetworkSettings& network, const config::NicDefinition& nic) {
    std::vector<config::IpPrefix> gateways;
    for (const bool six : {false, true}) {
        const auto is_host = [six](const config::IpPrefix& one) { return one.six == six && !one.is_network(); };
        if (std::ranges::none_of(nic.addresses, is_host)) continue;
        // In the network of one of its hosts, where there is one.
        const auto is_near = [&](const config::IpPrefix& own) {
            return std::ranges::any_of(
                nic.addresses, [&](const config::IpPrefix& one) { return is_host(one) && own.network().covers(one); });
        };
        auto found = std::ranges::find_if(network.addresses, is_near);
        if (found == network.addresses.end()) found = std::ranges::find(network.addresses, six, &config::IpPrefix::six);
        if (found != network.addresses.end()) gateways.push_back(*found);
    }
    return gateways;
}

}  // namespace hvctld
