// Addresses of guests that lie in none of a network's own: Dom0 is the way to them, as the provider's router is to
// Dom0.
#pragma once

#include <optional>
#include <vector>

#include "config/settings.hpp"

namespace hvctld {

// To an address, or to a network; its host part is zero.
struct Route {
    config::IpPrefix to;
    std::optional<config::IpPrefix> via;  // none: it is on the interface itself
};

// Of one interface on a bridge of hvctld's own. A host is reached on the bridge itself; a network by the guest's first
// address of its kind that is a host, or on the bridge where there is none.
std::vector<Route> guest_routes(const config::NetworkSettings& network, const config::NicDefinition& nic);

// The gateways that the guest needs on it: the network's own addresses of the kinds that it has hosts of.
std::vector<config::IpPrefix> guest_gateways(const config::NetworkSettings& network, const config::NicDefinition& nic);

}  // namespace hvctld
