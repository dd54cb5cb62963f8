// Dom0's kernel as far as network interfaces go: interfaces that are names, and backends that do in the store what
// xen-netback does for guests whose drivers answer, or do not.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "devices/network/network_host.hpp"
#include "store/store.hpp"

namespace hvctld::test {

class FakeNetworkHost final : public NetworkHost {
  public:
    Result<void> provide(const std::string& bridge) override;
    void touched(const std::string&) override {}
    Result<void> connect(const GuestNic& nic) override;
    void disconnect(const GuestNic& nic) override;
    Result<NicCheck> check(const GuestNic& nic) override;
    Result<void> run_hook(const HookRun& run, const std::stop_token& cancel) override;
    [[nodiscard]] bool exists(const std::string& interface) const override;
    [[nodiscard]] std::optional<NicCounters> counters(const std::string& interface) const override;

    // Plays netback and the guests on `store`; `later` runs a function from the loop.
    void watch(store::Store& store, std::function<void(std::function<void()>)> later);

    std::set<std::string> bridges{"hvbr0", "br0"};
    NicCounters counted{1000, 10, 2000, 20};  // of each interface
    bool has_netback = true;
    bool guest_takes = true;
    bool guest_lets_go = true;
    std::string complaint;                   // of netback, instead of serving
    std::string broken;                      // an interface that cannot be connected
    std::map<std::string, GuestNic> passes;  // by interface: what it may send; under `mutex`
    std::vector<std::string> hooks;          // "add vif1.0 web1 /hook", as they ended; under `mutex`
    std::string failing_hook;                // a program that fails; under `mutex`
    std::atomic<bool> hooks_hang = false;    // until they are called off, or this is false again
    std::atomic<int> hooks_begun = 0;
    mutable std::mutex mutex;

  private:
    void go_on(store::Store& store);
    void look(store::Store& store, const std::string& path);

    std::set<std::string> interfaces_;  // under `mutex`
};

}  // namespace hvctld::test
