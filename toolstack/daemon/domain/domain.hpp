// A domain that the daemon knows: what is remembered of it and how it is reached while it runs.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "config/definition.hpp"
#include "console/console.hpp"
#include "devices/device.hpp"
#include "hypervisor/hypervisor.hpp"
#include "registry/registry.hpp"

namespace hvctld {

class Disks;
class Nics;

struct Domain {
    DomainRecord record;
    config::DomainDefinition definition;
    JobId job = 0;              // works on the domain, the only one that does; 0: none
    std::set<JobId> unwinding;  // jobs before that one, which end, or undo what they did, before it begins
    std::map<JobId, std::function<void()>> waiting;  // those of them all that have not begun: each for the ones before
    std::unique_ptr<Console> console;
    std::optional<EndReason> ended;                // of the present run, once it has been acted upon
    std::function<void(EndReason)> on_end;         // a job waits for it
    std::function<bool()> ask_again;               // a job waits for the guest to do what it has been asked
    std::uint64_t asked_us = 0;                    // when that was, last; monotonic
    std::uint32_t short_runs = 0;                  // in a row: each ended soon after it had begun
    std::uint32_t failed_starts = 0;               // in a row, of a guest that no administrator has ended
    std::uint32_t failed_ends = 0;                 // in a row: others hold memory of it, or hv refuses
    std::uint64_t end_again_ms = 0;                // by the loop's clock: not before
    std::vector<std::unique_ptr<Device>> devices;  // in the order in which they are published
    Disks* disks = nullptr;                        // one of them, as is the next
    Nics* nics = nullptr;

    [[nodiscard]] bool in_hv() const { return may_be_in_hv(record.phase) && record.instance.domid != 0; }
    // Whether `id` has to wait for others.
    [[nodiscard]] bool has_jobs_before(JobId id) const { return !unwinding.empty() && *unwinding.begin() < id; }
    // Being ended or never finished: a guest without its store and console, which must not run.
    [[nodiscard]] bool half_there() const { return in_hv() && !is_whole(record.phase); }
    [[nodiscard]] DomainId id() const { return DomainId{record.instance.domid}; }
};

// hv's reason for the end of a domain that it has as shut down.
inline EndReason end_reason(const abi::DomainInfo& info) {
    switch (static_cast<abi::ShutdownReason>(info.shutdown_reason)) {
        case abi::ShutdownReason::Poweroff: return EndReason::Poweroff;
        case abi::ShutdownReason::Reboot: return EndReason::Reboot;
        case abi::ShutdownReason::Suspend: return EndReason::Suspend;
        case abi::ShutdownReason::Crash: return EndReason::Crash;
        case abi::ShutdownReason::Watchdog: return EndReason::Watchdog;
        default: return EndReason::SoftReset;
    }
}

}  // namespace hvctld
