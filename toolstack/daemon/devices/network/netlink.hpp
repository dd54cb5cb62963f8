// Network interfaces of Dom0, through the kernel's rtnetlink (libnl).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>

#include "base/errors.hpp"
#include "config/definition.hpp"
#include "devices/network/guest_routes.hpp"

struct bridge_vlan_info;
struct nl_sock;

namespace hvctld {

struct Interface {
    int index = 0;
    std::string kind;  // bridge, vif, ...
    int master = 0;    // the bridge that it is on
    std::uint32_t mtu = 0;
    bool up = false;
};

class Netlink {
  public:
    static Result<Netlink> open();

    // Nothing when there is none of that name.
    Result<std::optional<Interface>> find(const std::string& name);
    // A bridge with that MAC address, down, and with an odd MTU: setting another one is then a change in any case,
    // after which the bridge does not take over its ports' MTU any more.
    Result<void> add_bridge(const std::string& name, const config::MacAddress& mac);
    // Also when it is there already.
    Result<void> add_address(int index, const config::IpPrefix& address);
    Result<void> set_up(int index, bool up);
    Result<void> set_mtu(int index, std::uint32_t mtu);
    Result<void> set_master(int index, int master);
    // A port of a bridge: in this VLAN and no other; frames to and from it have no tags.
    Result<void> set_vlan(int index, std::uint32_t vlan);
    // A way through that interface, in place of another one to the same destination; fine when it is there already.
    Result<void> set_route(int index, const Route& route);
    // Fine when it is not there.
    Result<void> remove_route(int index, const Route& route);
    // What is sent on it waits its turn: at most `bits` a second; 0: no limit.
    Result<void> shape(int index, std::uint64_t bits);

  private:
    Result<void> change_vlans(int message_type, int index, std::initializer_list<bridge_vlan_info> vlans);

    struct Close {
        void operator()(nl_sock* socket) const;
    };
    std::unique_ptr<nl_sock, Close> socket_;
};

}  // namespace hvctld
