// Guests that stop by themselves: noticed by VIRQ_DOM_EXC, acted upon as the definition says.
#include <fmt/format.h>

#include <algorithm>

#include "base/log.hpp"
#include "domain/manager.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

constexpr std::uint64_t kShortRunUs = 10'000'000;  // a guest that ends sooner waits before it starts again
constexpr std::uint64_t kLongestDelayMs = 60'000;
constexpr std::uint64_t kFirstRetryMs = 1000;
constexpr std::uint32_t kMostFailedStarts = 10;  // some minutes

bool is_crash(EndReason reason) {
    return reason == EndReason::Crash || reason == EndReason::Watchdog || reason == EndReason::SoftReset;
}

bool may_pass(ErrorId error) {
    switch (error) {
        case ErrorId::NoMemory:
        case ErrorId::LimitReached:
        case ErrorId::Io:
        case ErrorId::Internal:
        case ErrorId::HvRefused:
        case ErrorId::FileMissing:
        case ErrorId::FileUnreadable: return true;
        default: return false;
    }
}

Phase back_off(std::uint64_t delay_ms) {
    return {"back off", 70, delay(delay_ms)};
}

}  // namespace

config::EndAction Manager::action_for(const Domain& domain, EndReason reason) const {
    if (stop_all_job_ != 0) return config::EndAction::Destroy;
    const config::DomainDefinition& definition = domain.definition;
    switch (reason) {
        case EndReason::Poweroff: return definition.on_poweroff;
        case EndReason::Reboot: return definition.on_reboot;
        case EndReason::Suspend: return config::EndAction::Preserve;  // whoever asked for it wants the memory
        case EndReason::Crash:
        case EndReason::Watchdog:
        case EndReason::SoftReset: return definition.on_crash;
        case EndReason::Gone: return config::EndAction::Destroy;
    }
    return config::EndAction::Destroy;
}

void Manager::scan_for_ended() {
    std::erase_if(leaving_consoles_, [](const auto& console) { return console->sessions() == 0; });
    const auto infos = hypervisor_.list_domains();
    if (!infos) {
        log::error("list domains: {}", infos.error().what());
        return;
    }
    std::vector<std::pair<Domain*, EndReason>> ended;
    std::vector<Domain*> left_over;
    std::vector<Domain*> freed;  // whose memory others held for longer than a job waits
    for (const auto& [name, domain] : domains_) {
        // Looked at again when the job is over.
        if ((domain->job != 0 && !domain->on_end) || !domain->unwinding.empty()) continue;
        if (domain->half_there() && domain->record.phase == DomainPhase::Ending) {
            if (std::ranges::find(*infos, domain->record.instance.domid, &abi::DomainInfo::domain) == infos->end())
                freed.push_back(domain.get());
            continue;
        }
        if (domain->record.phase != DomainPhase::Running) continue;
        if (domain->ended) {
            // The job that waited for it was called off at the same moment.
            if (domain->job == 0 && action_for(*domain, *domain->ended) != config::EndAction::Preserve)
                left_over.push_back(domain.get());
            continue;
        }
        const auto info = std::ranges::find(*infos, domain->record.instance.domid, &abi::DomainInfo::domain);
        if (info == infos->end()) {
            ended.emplace_back(domain.get(), EndReason::Gone);
        } else if ((info->flags & abi::kDomainShutdown) != 0) {
            const auto reason = static_cast<EndReason>(std::min(info->shutdown_reason, 5u));
            ended.emplace_back(domain.get(), reason);
        }
    }
    for (const auto& [domain, reason] : ended) domain_ended(*domain, reason);
    for (Domain* domain : left_over) act_on_end(*domain, *domain->ended);
    for (Domain* domain : freed) {
        stopped(*domain, "");
        at_rest(*domain);
    }
}

void Manager::domain_ended(Domain& domain, EndReason reason) {
    log::write(is_crash(reason) ? log::Level::Warning : log::Level::Info, {domain.record.name, 0, {}},
               fmt::format("domain {} has stopped: {}", domain.record.instance.domid, to_string(reason)));
    domain.ended = reason;
    domain.record.end_reason = to_string(reason);
    domain.record.wanted = false;
    save(domain);
    if (store_.is_introduced({domain.record.instance.domid})) store_.domain_stopped({domain.record.instance.domid});
    changed(domain);
    if (domain.on_end) return domain.on_end(reason);
    act_on_end(domain, reason);
}

void Manager::act_on_end(Domain& domain, EndReason reason) {
    if (action_for(domain, reason) == config::EndAction::Preserve) {
        if (domain.console) domain.console->end_sessions();
        return;
    }
    const bool restart = action_for(domain, reason) == config::EndAction::Restart;
    Job& job = begin_job(domain, restart ? "restart" : "clean up", 0, false);
    add_end_phases(job, domain, reason, false);
    job.start();
}

// A guest is between two runs, and what the next one takes is not there for a moment: memory that another guest has, a
// file server, a Dom0 that has run out of something. Whether the start is tried again.
bool Manager::starts_later(Domain& domain, const JobRecord& job) {
    const bool restarts = job.verb == "restart" || job.verb == "reboot";
    if (!restarts || job.state != JobState::Failed || !domain.record.wanted || stop_all_job_ != 0) return false;
    if (domain.record.phase != DomainPhase::Stopped || !may_pass(static_cast<ErrorId>(job.error))) return false;
    if (domain.failed_starts >= kMostFailedStarts) {
        log::write(log::Level::Error, {domain.record.name, job.id, {}},
                   fmt::format("could not be started {} times in a row: it is not tried again", domain.failed_starts));
        domain.record.wanted = false;
        save(domain);
        return false;
    }
    Job& again = begin_job(domain, "restart", 0, false);
    again.add(back_off(std::min(kLongestDelayMs, kFirstRetryMs << domain.failed_starts++)));
    add_start_phases(again, domain, false, true);
    again.start();
    return true;
}

// How long to wait before this restart of its own accord; the largest number when the limit is reached.
std::uint64_t Manager::restart_delay_ms(Domain& domain, EndReason reason) {
    const config::RestartLimit& limit = domain.definition.restart;
    DomainRecord& record = domain.record;
    const std::uint64_t now = monotonic_us();
    if (now - record.window_us > std::uint64_t{limit.window_seconds} * 1000000) {
        record.window_us = now;
        record.restarts = 0;
    }
    if (is_crash(reason) && record.restarts >= limit.max) return UINT64_MAX;
    const std::uint32_t doublings = std::min(record.restarts, 16u);
    ++record.restarts;
    if (now - record.run_since_us > kShortRunUs) return 0;
    return std::min<std::uint64_t>(kLongestDelayMs, 500ull << doublings);
}

void Manager::add_end_phases(Job& job, Domain& domain, EndReason reason, bool asked) {
    const config::EndAction action = action_for(domain, reason);
    if (action == config::EndAction::Preserve) {
        if (domain.console) domain.console->end_sessions();
        return;
    }
    bool restart = action == config::EndAction::Restart;
    std::uint64_t delay = 0;
    if (restart && !asked) {
        delay = restart_delay_ms(domain, reason);
        if (delay == UINT64_MAX) {
            log::write(log::Level::Error, {domain.record.name, job.id(), {}},
                       fmt::format("has crashed {} times within {}: it is not started again; see its console log",
                                   domain.record.restarts + 1,
                                   config::format_seconds(domain.definition.restart.window_seconds)));
            restart = false;
        }
    }
    domain.record.wanted = restart;
    save(domain);
    add_stop_phases(job, domain, std::string{domain.record.end_reason}, !restart);
    if (!restart) return;
    if (delay != 0) job.add(back_off(delay));
    add_start_phases(job, domain, false, true);
}

}  // namespace hvctld
