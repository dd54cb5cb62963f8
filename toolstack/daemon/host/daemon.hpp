// The whole daemon in its order of construction.
#pragma once

#include <memory>
#include <string>

#include "base/files.hpp"
#include "base/loop.hpp"
#include "bus/manager_object.hpp"
#include "bus/private_server.hpp"
#include "bus/system_bus.hpp"
#include "config/settings.hpp"
#include "devices/network/filter_watch.hpp"
#include "domain/manager.hpp"
#include "hypervisor/hypervisor.hpp"
#include "registry/registry.hpp"
#include "store/socket_server.hpp"
#include "store/store.hpp"

namespace hvctld::host {

struct DaemonPaths {
    std::string settings = "/etc/hvctl/hvctl.yaml";
    std::string definitions = "/etc/hvctl/domains";
    std::string state = "/var/lib/hvctl";
    std::string run = "/run/hvctl";
    std::string console_logs = "/var/log/hvctl/console";
    std::string networks = "/run/hvctl-networks";  // what the DHCP servers of networks read, as users of their own
    std::string kernel_cache = "/var/cache/hvctl/kernels";
    std::string store_socket = store::kDefaultSocketPath;
};

class Daemon {
  public:
    // Everything up to serving: what the previous process left is taken up, all sockets listen.
    static Result<std::unique_ptr<Daemon>> start(Loop& loop, Hypervisor& hypervisor, const DaemonPaths& paths);
    ~Daemon();
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;

    [[nodiscard]] Manager& manager() { return *manager_; }
    // Why the settings are not what their file says; empty: they are.
    [[nodiscard]] const std::string& settings_trouble() const { return settings_trouble_; }

  private:
    Daemon() = default;

    UniqueFd lock_;
    std::string settings_trouble_;
    std::shared_ptr<store::Store*> store_alive_ = std::make_shared<store::Store*>(nullptr);  // for what is posted
    std::unique_ptr<store::Store> store_;
    std::unique_ptr<Timer> journal_;
    std::unique_ptr<Registry> registry_;
    std::unique_ptr<Manager> manager_;
    std::unique_ptr<FilterWatch> filters_;
    std::unique_ptr<store::SocketServer> store_socket_;
    std::unique_ptr<bus::ManagerObject> object_;
    std::unique_ptr<bus::PrivateServer> private_server_;
    std::unique_ptr<bus::SystemBus> system_bus_;
};

}  // namespace hvctld::host
