// The dnsmasq of each of hvctld's own networks: it tells guests their addresses, the way out and a name server, and
// answers no other requests. A systemd service of its own, hvctl-dnsmasq@BRIDGE, which outlives the daemon.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "base/helper.hpp"
#include "devices/network/network_host.hpp"

namespace hvctld {

// Its configuration, but for guests.
std::string dnsmasq_configuration(const config::NetworkSettings& network, const std::string& folder);
// What it is told of a guest: a line for dhcp-hostsdir; empty when there is nothing to tell.
std::string dnsmasq_host(const config::NetworkSettings& network, const GuestNic& nic);
// The line of its options folder for guests whose interfaces have that MTU, which is not the network's.
std::string dnsmasq_mtu(std::uint32_t mtu);

class DhcpServer {
  public:
    // With a folder for each network below `folder`.
    explicit DhcpServer(std::string folder) : folder_{std::move(folder)} {}

    // Runs, with the network's configuration.
    Result<void> serve(const config::NetworkSettings& network);
    Result<void> tell(const config::NetworkSettings& network, const GuestNic& nic);
    void forget(const config::NetworkSettings& network, const GuestNic& nic);

  private:
    [[nodiscard]] Helper helper_of(const config::NetworkSettings& network) const;
    [[nodiscard]] std::string host_file(const config::NetworkSettings& network, const GuestNic& nic) const;

    const std::string folder_;
    std::mutex mutex_;
    std::map<std::string, std::string> told_;  // by file: the interface; a guest that reboots has another one
};

}  // namespace hvctld
