// Dom0's Linux: bridges, xen-netback's interfaces, nftables, and dnsmasq.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "devices/network/dhcp_server.hpp"
#include "devices/network/kept_routes.hpp"
#include "devices/network/network_host.hpp"

namespace hvctld {

class KernelNetworkHost final : public NetworkHost {
  public:
    // `networks` are hvctld's own; what guests are told is in `folder`.
    KernelNetworkHost(std::vector<config::NetworkSettings> networks, const std::string& folder);

    Result<void> provide(const std::string& bridge) override;
    void touched(const std::string& name) override;
    Result<void> connect(const GuestNic& nic) override;
    void disconnect(const GuestNic& nic) override;
    Result<NicCheck> check(const GuestNic& nic) override;
    Result<void> run_hook(const HookRun& run, const std::stop_token& cancel) override;
    [[nodiscard]] bool exists(const std::string& interface) const override;
    [[nodiscard]] std::optional<NicCounters> counters(const std::string& interface) const override;

  private:
    bool is_whole(const std::string& bridge, int index);
    Result<void> make_whole(const config::NetworkSettings& network);

    const std::vector<config::NetworkSettings> networks_;
    DhcpServer dhcp_;
    std::mutex making_;  // of bridges: one at a time
    std::mutex known_;
    std::map<std::string, int> whole_;              // its bridges that are, by their index; under `known_`
    std::mutex connecting_;                         // one at a time
    std::map<std::string, std::uint64_t> serials_;  // by interface: what was asked for last; under `connecting_`
    KeptRoutes routes_;                             // under `connecting_`
};

}  // namespace hvctld
