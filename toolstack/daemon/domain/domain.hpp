// A domain that the daemon knows: what is remembered of it and how it is reached while it runs.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "config/definition.hpp"
#include "console/console.hpp"
#include "registry/registry.hpp"

namespace hvctld {

// Why a run of a domain ended: hv's shutdown reasons, and "gone" when hv does not know it any more.
enum class EndReason : std::uint8_t { Poweroff, Reboot, Suspend, Crash, Watchdog, SoftReset, Gone };
std::string_view to_string(EndReason reason);

struct Domain {
    DomainRecord record;
    config::DomainDefinition definition;
    JobId job = 0;              // works on the domain; 0: none
    std::set<JobId> unwinding;  // jobs that it was taken from and that still undo what they did
    std::function<void()> on_unwound;
    std::unique_ptr<Console> console;
    BoundPort store_port;
    std::optional<EndReason> ended;         // of the present run, once it has been acted upon
    std::function<void(EndReason)> on_end;  // a job waits for it
    std::uint32_t failed_starts = 0;        // in a row, of a guest that nobody has ended

    [[nodiscard]] bool in_hv() const { return record.phase != DomainPhase::Stopped && record.instance.domid != 0; }
    // Being ended or never finished: a guest without its store and console, which must not run.
    [[nodiscard]] bool half_there() const { return in_hv() && record.phase != DomainPhase::Running; }
    [[nodiscard]] DomainId id() const { return DomainId{record.instance.domid}; }
};

// What clients are told of a domain; see ListDomains in the bus's contract.
struct DomainView {
    std::string name;
    std::string uuid;
    std::optional<std::uint16_t> domid;
    std::string state;
    std::string type;
    std::uint64_t memory = 0;
    std::uint64_t max_memory = 0;
    std::uint32_t vcpus = 0;
    std::uint32_t max_vcpus = 0;
    std::uint64_t cpu_time = 0;
    bool autostart = false;
    std::string shutdown_reason;
    std::uint64_t hv_bytes = 0;
    std::uint64_t console_dropped = 0;
    JobId job = 0;
};

}  // namespace hvctld
