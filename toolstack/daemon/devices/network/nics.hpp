// The network interfaces of a guest: each an interface of Dom0 that netback makes, a filter on it, and a bridge.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "devices/device.hpp"
#include "devices/network/network_host.hpp"
#include "devices/network/vif.hpp"
#include "domain/context.hpp"
#include "domain/domain.hpp"

namespace hvctld {

struct NicView {
    std::uint32_t number = 0;  // of the guest's device/vif
    config::NicDefinition nic;
    std::string state;              // offline, starting, waiting, connected, closing, closed, failed
    std::string interface;          // of Dom0; empty: none
    NicCounters counters;           // over all of its life
    std::uint64_t month_bytes = 0;  // of this month, in both directions
    bool over_quota = false;
};

// What an interface of Dom0 has counted since it is there.
struct NicReading {
    std::string interface;
    NicCounters counters;
};

class Nics final : public Device {
  public:
    Nics(Context& context, Domain& domain) : context_{context}, domain_{domain} {}

    Step prepare(bool anew) override;
    Phase publish() override;
    void abandoned() override;
    void unplug() override;
    void freed() override;
    Result<void> recover() override;

    // One of them, while the guest runs. prepare_one() completes it; it and connect_one() undo nothing: take_away()
    // does. It is the guest's, whatever becomes of the daemon, once it has been settled.
    [[nodiscard]] Step prepare_one(const std::shared_ptr<config::NicDefinition>& nic);
    [[nodiscard]] Step connect_one(const config::NicDefinition& nic);
    void settle(const config::NicDefinition& nic);
    // Until the guest has taken it; GuestSilent.
    [[nodiscard]] Step wait_connected(const config::NicDefinition& nic);
    // Asks the guest to let go of it, and waits until it has; GuestSilent. keep_open() takes the question back.
    [[nodiscard]] Step wait_closed(const config::NicDefinition& nic);
    void keep_open(const config::NicDefinition& nic);
    // Whatever there is of it, whether the guest likes it or not. From its beginning on there is no way back.
    [[nodiscard]] Step take_away(const config::NicDefinition& nic);
    // Addresses, rate and link, at once; what fails leaves the link down. AddressTaken leaves all as it is.
    [[nodiscard]] Step change_one(const config::NicDefinition& nic);

    // The one that `which` names: its number, of a guest that does not run its place in the definition; or its MAC
    // address. NoSuchNic.
    [[nodiscard]] Result<config::NicDefinition> find(const std::string& which) const;
    [[nodiscard]] std::vector<NicView> list() const;
    // Tries the filter of one of them: see NetworkHost::check(). Of a guest that runs.
    void check(const config::NicDefinition& nic, const std::function<void(const Result<NicCheck>&)>& done);
    // By MAC address; those that are there.
    [[nodiscard]] std::map<config::MacAddress, NicReading> counters() const;
    // Its transfer_quota is used up, or is not any more: what its definition says of that begins, or ends. Whether that
    // is new.
    bool set_over_quota(const config::MacAddress& mac, bool over);
    // Another program has changed what Dom0 has for that interface or bridge: puts it right.
    void restore(const std::string& name);

  private:
    using Numbered = std::pair<std::uint32_t, config::NicDefinition>;
    struct Live {
        std::uint32_t number = 0;
        config::NicDefinition nic;  // as it was asked for last
    };

    Result<void> may_have(const config::NicDefinition& nic) const;
    Result<void> complete(config::NicDefinition& nic, std::size_t index);
    Result<void> connect(const std::vector<Numbered>& nics);
    [[nodiscard]] Step wait_ready(const std::vector<Numbered>& nics);
    [[nodiscard]] Step wire(const std::vector<Numbered>& nics);
    void run_hooks(const std::vector<Numbered>& nics, std::size_t index, Job& job, const Done& done);
    Result<bool> is_there(const Numbered& nic);
    void open(const Numbered& nic);
    void watch_driver();
    void driver_wrote(const std::string& path);
    // `done` hears of it when nothing is left of it, and its number and addresses are not given to another one before.
    void clear(const config::NicDefinition& nic, std::uint32_t number, const std::function<void()>& done = nullptr);
    void reconnect(const config::NicDefinition& nic, std::uint32_t number);
    void recover_one(std::uint32_t number, const VifRecord& record);
    [[nodiscard]] const Live* live(const config::NicDefinition& nic) const;
    [[nodiscard]] std::optional<std::uint32_t> number_of(const config::NicDefinition& nic) const;
    [[nodiscard]] Result<std::uint32_t> free_number() const;
    [[nodiscard]] config::NicDefinition in_force(const config::NicDefinition& nic) const;
    [[nodiscard]] HookRun hook_run(const Numbered& nic) const;
    [[nodiscard]] GuestNic guest_nic(const config::NicDefinition& nic, std::uint32_t number) const;
    [[nodiscard]] std::string name_of(const config::NicDefinition& nic) const;
    [[nodiscard]] std::string state_of(std::uint32_t number) const;
    [[nodiscard]] std::uint16_t domid() const { return domain_.record.instance.domid; }
    [[nodiscard]] BusDevices vifs() const { return {context_.store, kVif, domid()}; }

    Context& context_;
    Domain& domain_;
    std::map<config::MacAddress, Live> live_;  // of the present run, whatever the definition says
    std::set<config::MacAddress> over_quota_;
    store::WatchHandle watch_ = 0;     // of what the guest's driver says
    std::set<std::uint32_t> leaving_;  // numbers whose interfaces Dom0 is still rid of
    std::map<std::uint32_t, std::chrono::steady_clock::time_point> left_;  // when, by number
    std::shared_ptr<Nics*> alive_ = std::make_shared<Nics*>(this);
};

}  // namespace hvctld
