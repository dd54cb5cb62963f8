// The routes to guests, as this process has made them in Dom0's kernel. One thread at a time.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "devices/network/guest_routes.hpp"
#include "devices/network/netlink.hpp"

namespace hvctld {

class KeptRoutes {
  public:
    // In place of what the interface had. Dom0 passes on what is for them. AddressTaken.
    Result<void> keep(Netlink& netlink, int bridge, const std::string& interface, std::vector<Route> routes);
    // Those that another interface does not have meanwhile.
    void drop(Netlink& netlink, int bridge, const std::string& interface, const std::vector<Route>& routes);
    // The bridge is gone, and the routes with it.
    void forget(const std::string& interface);

  private:
    [[nodiscard]] std::string holder_of(const Route& route, const std::string& except) const;
    void remove_unused(Netlink& netlink, int bridge, const std::vector<Route>& routes);

    std::map<std::string, std::vector<Route>> routes_;  // by interface
};

}  // namespace hvctld
