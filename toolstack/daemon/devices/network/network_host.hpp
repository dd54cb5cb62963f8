// What Dom0 does for network interfaces of guests: the part of it that tests replace.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/errors.hpp"
#include "config/definition.hpp"
#include "config/settings.hpp"

namespace hvctld {

// A network interface of a guest, and Dom0's end of it. `nic` is complete: it has a MAC address.
struct GuestNic {
    std::string interface;  // of Dom0: vif3.0
    std::string domain;     // its name
    config::NicDefinition nic;
    // Of what is asked for: the later one counts, in whatever order threads come to it.
    std::uint64_t serial = 0;
};

// What has passed since the interface is there, as the guest sees it.
struct NicCounters {
    std::uint64_t received_bytes = 0;
    std::uint64_t received_packets = 0;
    std::uint64_t sent_bytes = 0;
    std::uint64_t sent_packets = 0;
};

// How a NIC's filter has done with one kind of frame, tried where the frame reaches no guest and no network.
struct NicTrial {
    std::string what;
    bool allowed = false;
    bool passed = false;
};
struct NicCheck {
    std::string interface;
    std::vector<NicTrial> trials;
    bool in_force = false;  // what was tried is what the guest's own interface has
};

// A run of the program that an administrator has for a network interface: when that has come, or when it goes.
struct HookRun {
    enum class Action : std::uint8_t { Add, Remove };
    Action action = Action::Add;
    std::string program;    // an absolute path
    std::string interface;  // of Dom0: vif3.0
    std::uint16_t domid = 0;
    std::string domain;  // its name
    std::string uuid;
    config::NicDefinition nic;  // complete

    // What people call it: "hook /etc/hvctl/hooks/x add vif3.0".
    [[nodiscard]] std::string text() const;
};

class NetworkHost {
  public:
    virtual ~NetworkHost() = default;

    // The bridge is there: one of hvctld's own networks is made, or made whole. May take a moment, as the next two:
    // for a thread that may. From any thread.
    virtual Result<void> provide(const std::string& bridge) = 0;
    // Another program has changed what there is for that bridge; empty: for any.
    virtual void touched(const std::string& bridge) = 0;
    // Nothing passes but what the guest may send, and it is on its bridge. Whatever was set before. What fails leaves
    // the link down.
    virtual Result<void> connect(const GuestNic& nic) = 0;
    // Nothing is left of it in Dom0. The interface goes with the backend; until then nothing passes. Nothing happens
    // where the interface has been connected again.
    virtual void disconnect(const GuestNic& nic) = 0;
    // Tries what the guest may send, and what it may not, on a filter such as the interface is to have. As provide().
    virtual Result<NicCheck> check(const GuestNic& nic) = 0;
    // Runs it to its end, or until `cancel` comes; seconds, perhaps. HookFailed, with what it said. As provide().
    virtual Result<void> run_hook(const HookRun& run, const std::stop_token& cancel) = 0;
    // Whether Dom0's kernel has the interface.
    [[nodiscard]] virtual bool exists(const std::string& interface) const = 0;
    [[nodiscard]] virtual std::optional<NicCounters> counters(const std::string& interface) const = 0;
};

}  // namespace hvctld
