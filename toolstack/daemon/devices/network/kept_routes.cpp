#include "devices/network/kept_routes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <utility>

#include "base/files.hpp"
#include "base/log.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

Result<void> write_setting(const std::string& path, std::string_view value) {
    if (first_line(path) == value) return {};
    std::ofstream file{path};
    if (file << value << std::flush) return {};
    return fail_errno(errno, path);
}

// An interface that passes packets on takes no router advertisements, unless it is told to: Dom0 keeps its own way out.
Result<void> forward_six() {
    constexpr const char* kForwarding = "/proc/sys/net/ipv6/conf/all/forwarding";
    constexpr const char* kInterfaces = "/proc/sys/net/ipv6/conf";
    if (first_line(kForwarding) == "1") return {};
    std::error_code problem;
    for (const auto& folder : std::filesystem::directory_iterator{kInterfaces, problem}) {
        const std::string accepts = folder.path() / "accept_ra";
        if (folder.path().filename() != "all" && first_line(accepts) == "1") TRY(write_setting(accepts, "2"));
    }
    return write_setting(kForwarding, "1");
}

}  // namespace

Result<void> KeptRoutes::keep(Netlink& netlink, int bridge, const std::string& interface, std::vector<Route> routes) {
    for (const Route& route : routes) {
        if (const auto holder = holder_of(route, interface); !holder.empty()) {
            return fail(ErrorId::AddressTaken, fmt::format("{} is routed to {} already", route.to.text(), holder));
        }
    }
    // Whatever comes of it: those of before and these are to be removed then.
    std::vector<Route>& known = routes_[interface];
    const std::vector<Route> before = known;
    known.insert(known.end(), routes.begin(), routes.end());
    for (const Route& route : routes) {
        TRY(route.to.six ? forward_six() : write_setting("/proc/sys/net/ipv4/ip_forward", "1"));
        TRY(netlink.set_route(bridge, route));
    }
    known = std::move(routes);
    remove_unused(netlink, bridge, before);
    return {};
}

void KeptRoutes::drop(Netlink& netlink, int bridge, const std::string& interface, const std::vector<Route>& routes) {
    const std::vector<Route> known = std::exchange(routes_[interface], {});
    forget(interface);
    for (const auto* all : {&known, &routes}) remove_unused(netlink, bridge, *all);
}

void KeptRoutes::forget(const std::string& interface) {
    routes_.erase(interface);
}

std::string KeptRoutes::holder_of(const Route& route, const std::string& except) const {
    for (const auto& [interface, routes] : routes_) {
        if (interface != except && std::ranges::find(routes, route.to, &Route::to) != routes.end()) return interface;
    }
    return {};
}

// Another guest may have been given the address meanwhile.
void KeptRoutes::remove_unused(Netlink& netlink, int bridge, const std::vector<Route>& routes) {
    for (const Route& route : routes) {
        if (!holder_of(route, {}).empty()) continue;
        if (const auto removed = netlink.remove_route(bridge, route); !removed)
            log::warning("{}", removed.error().text());
    }
}

}  // namespace hvctld
