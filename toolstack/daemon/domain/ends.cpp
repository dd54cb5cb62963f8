#include "domain/ends.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/log.hpp"
#include "config/values.hpp"

namespace hvctld {
namespace {

constexpr std::uint64_t kShortRunUs = 10'000'000;  // a guest that ends sooner waits before it starts again
constexpr std::uint64_t kFirstDelayMs = 500;
constexpr std::uint64_t kLongestDelayMs = 60'000;
constexpr std::uint64_t kNoMoreRestarts = UINT64_MAX;
constexpr std::uint64_t kFirstRetryMs = 1000;
constexpr std::uint32_t kMostFailedStarts = 10;  // some minutes
constexpr std::uint64_t kFirstEndAgainMs = 1000;
constexpr std::uint64_t kLongestEndAgainMs = 3'600'000;
// No client waits for it, and what still holds the memory may be a disk of a file server that does not answer.
constexpr std::uint64_t kEndAgainPatienceMs = 3'600'000;

bool may_pass(ErrorId error) {
    switch (error) {
        case ErrorId::NoMemory:
        case ErrorId::NoCpu:
        case ErrorId::LimitReached:
        case ErrorId::Io:
        case ErrorId::Internal:
        case ErrorId::HvRefused:
        case ErrorId::FileMissing:
        case ErrorId::FileUnreadable:
        case ErrorId::ImageBusy:
        case ErrorId::BackendFailed:
        case ErrorId::HookFailed: return true;
        default: return false;
    }
}

Phase back_off(std::uint64_t delay_ms) {
    return {JobPhase::BackOff, 70, delay(delay_ms)};
}

}  // namespace

Result<void> Ends::listen() {
    auto exceptions = context_.events.bind_domain_exception([this] { scan(); });
    if (!exceptions) return std::unexpected(Error{exceptions.error()}.within("VIRQ_DOM_EXC"));
    exceptions_ = std::move(*exceptions);
    return {};
}

config::EndAction Ends::action_for(const Domain& domain, EndReason reason) const {
    if (work_.host_end() != 0) return config::EndAction::Destroy;
    const config::DomainDefinition& definition = domain.definition;
    switch (reason) {
        case EndReason::Poweroff: return definition.on_poweroff;
        case EndReason::Reboot: return definition.on_reboot;
        case EndReason::Suspend: return config::EndAction::Preserve;  // it was asked for in order to keep the memory
        case EndReason::Watchdog: return definition.on_watchdog;
        case EndReason::Crash:
        case EndReason::SoftReset: return definition.on_crash;
        case EndReason::None:
        case EndReason::Gone:
        case EndReason::Destroyed:
        case EndReason::HostRestart: return config::EndAction::Destroy;
    }
    return config::EndAction::Destroy;
}

void Ends::scan() {
    domains_.release_consoles();
    const auto infos = context_.hypervisor.list_domains();
    if (!infos) {
        log::error("list domains: {}", infos.error().what());
        return;
    }
    std::vector<std::pair<Domain*, EndReason>> over;
    std::vector<Domain*> left_over;
    std::vector<Domain*> freed;  // whose memory others held for longer than a job waits
    std::vector<Domain*> left;   // those of them that hv still has
    for (Domain* domain : domains_.all()) {
        // Looked at again when the job is over.
        if ((domain->job != 0 && !domain->on_end) || !domain->unwinding.empty()) continue;
        const auto info = std::ranges::find(*infos, domain->record.instance.domid, &abi::DomainInfo::domain);
        if (domain->half_there() && is_ending(domain->record.phase)) {
            if (info == infos->end()) {
                freed.push_back(domain);
            } else if (context_.loop.now_ms() >= domain->end_again_ms) {
                left.push_back(domain);
            }
            continue;
        }
        if (!runs(domain->record.phase)) continue;
        if (domain->ended) {
            // The job that waited for it was called off at the same moment.
            if (domain->job == 0 && action_for(*domain, *domain->ended) != config::EndAction::Preserve)
                left_over.push_back(domain);
            continue;
        }
        if (info == infos->end()) {
            over.emplace_back(domain, EndReason::Gone);
        } else if ((info->flags & abi::kDomainShutdown) != 0) {
            over.emplace_back(domain, end_reason(*info));
        }
    }
    for (const auto& [domain, reason] : over) ended(*domain, reason);
    for (Domain* domain : left_over) act_on(*domain, *domain->ended);
    for (Domain* domain : left) end_again(*domain);
    for (Domain* domain : freed) {
        domains_.stopped(*domain, EndReason::None);
        if (!starts_after_end(*domain)) work_.at_rest(*domain);
    }
}

// hv frees what is left of a domain only when it is told to, after others have let go.
void Ends::end_again(Domain& domain) {
    Job& job = work_.begin(domain, Verb::CleanUp, 0, false);
    tear_down_.add_phases(job, domain, EndReason::None, true, kEndAgainPatienceMs);
    job.start();
}

// It was on its way from one run to the next.
bool Ends::starts_after_end(Domain& domain) {
    if (!domain.record.wanted || work_.host_end() != 0) return false;
    ++domain.failed_starts;  // until one comes to its end
    Job& job = work_.begin(domain, Verb::Restart, 0, false);
    starts_.add_phases(job, domain, {.paused = false, .patient = true});
    job.start();
    return true;
}

bool Ends::goes_on(Domain& domain, const JobRecord& job) {
    if (domain.half_there() && is_ending(domain.record.phase)) {
        const bool restarts = job.verb == Verb::Restart || job.verb == Verb::Reboot;
        if (restarts && std::exchange(domain.record.wanted, may_start_later(domain, job))) domains_.save(domain);
        domain.end_again_ms = context_.loop.now_ms() +
                              std::min(kLongestEndAgainMs, kFirstEndAgainMs << std::min(domain.failed_ends++, 16u));
        look_again();
        return false;
    }
    if (job.verb == Verb::CleanUp && job.state == JobState::Done && may_begin(domain.record.phase))
        return starts_after_end(domain);
    return starts_later(domain, job);
}

// When the first of those that could not be ended is tried again.
void Ends::look_again() {
    std::optional<std::uint64_t> first;
    for (const Domain* domain : domains_.all()) {
        if (domain->failed_ends == 0 || domain->job != 0 || !domain->unwinding.empty() || !domain->half_there())
            continue;
        first = std::min(first.value_or(UINT64_MAX), domain->end_again_ms);
    }
    if (!first) return;
    const std::uint64_t now = context_.loop.now_ms();
    again_.start(*first > now ? *first - now : kFirstEndAgainMs, [this] {
        scan();
        look_again();
    });
}

void Ends::ended(Domain& domain, EndReason reason) {
    const std::uint16_t domid = domain.record.instance.domid;
    log::write(is_crash(reason) ? log::Level::Warning : log::Level::Info, {domain.record.name, 0, {}},
               fmt::format("domain {} has stopped: {}", domid, to_string(reason)));
    domain.ended = reason;
    domain.record.end_reason = reason;
    domain.record.wanted = false;
    domains_.save(domain);
    if (context_.store.is_introduced({domid})) context_.store.domain_stopped({domid});
    domains_.changed(domain);
    if (domain.on_end) return domain.on_end(reason);
    act_on(domain, reason);
}

void Ends::act_on(Domain& domain, EndReason reason) {
    if (action_for(domain, reason) == config::EndAction::Preserve) {
        if (domain.console) domain.console->end_sessions();
        return;
    }
    const bool restart = config::restarts(action_for(domain, reason));
    Job& job = work_.begin(domain, restart ? Verb::Restart : Verb::CleanUp, 0, false);
    add_phases(job, domain, reason, false);
    job.start();
}

bool Ends::may_start_later(Domain& domain, const JobRecord& job) {
    if (job.state != JobState::Failed || !domain.record.wanted || work_.host_end() != 0) return false;
    const auto error = static_cast<ErrorId>(job.error);
    // No deadline is set for a guest's own restarts but that for others to let go of the run before.
    if (!may_pass(error) && error != ErrorId::DeadlinePassed) return false;
    if (domain.failed_starts < kMostFailedStarts) return true;
    log::write(log::Level::Error, {domain.record.name, job.id, {}},
               fmt::format("could not be started {} times in a row: it is not tried again", domain.failed_starts));
    domain.record.wanted = false;
    domains_.save(domain);
    return false;
}

bool Ends::starts_later(Domain& domain, const JobRecord& job) {
    const bool restarts = job.verb == Verb::Restart || job.verb == Verb::Reboot;
    if (!restarts || !may_begin(domain.record.phase) || !may_start_later(domain, job)) return false;
    Job& again = work_.begin(domain, Verb::Restart, 0, false);
    again.add(back_off(std::min(kLongestDelayMs, kFirstRetryMs << domain.failed_starts++)));
    starts_.add_phases(again, domain, {.paused = false, .patient = true});
    again.start();
    return true;
}

// How long to wait before this restart of its own accord.
std::uint64_t Ends::restart_delay_ms(Domain& domain, EndReason reason) {
    const config::RestartLimit& limit = domain.definition.restart;
    DomainRecord& record = domain.record;
    const std::uint64_t now = monotonic_us();
    if (now - record.window_us > std::uint64_t{limit.window_seconds} * 1000000) {
        record.window_us = now;
        record.restarts = 0;
    }
    if (is_crash(reason) && record.restarts++ >= limit.max) return kNoMoreRestarts;
    if (now - record.run_since_us > kShortRunUs) {
        domain.short_runs = 0;
        return 0;
    }
    return std::min(kLongestDelayMs, kFirstDelayMs << std::min(domain.short_runs++, 16u));
}

void Ends::add_phases(Job& job, Domain& domain, EndReason reason, bool asked) {
    const config::EndAction action = action_for(domain, reason);
    if (action == config::EndAction::Preserve) {
        if (domain.console) domain.console->end_sessions();
        return;
    }
    // An administrator who asked for the end of the guest, whichever way it took, does not want it started again.
    bool restart = config::restarts(action) && job.record().verb != Verb::Shutdown;
    std::uint64_t delay = 0;
    // Taken up again after a dump that was called off, or a kill: this end has been counted, and is not dumped twice.
    const bool again = domain.record.dumped_domid != 0 && domain.record.dumped_domid == domain.id().raw;
    const bool counted = again || job.record().phase == JobPhase::Keep;
    if (restart && !asked && !counted) {
        delay = restart_delay_ms(domain, reason);
        if (delay == kNoMoreRestarts) {
            log::write(
                log::Level::Error, {domain.record.name, job.id(), {}},
                fmt::format("has crashed {} times within {}: it is not started again; see its console log",
                            domain.record.restarts, config::format_seconds(domain.definition.restart.window_seconds)));
            restart = false;
            domain.record.gave_up = true;
        }
    }
    if (again && !domain.record.wanted) restart = false;  // as was decided then
    const bool dumps = config::dumps_core(action) && !again;
    if (dumps) domain.record.dumped_domid = domain.id().raw;
    domain.record.wanted = restart;
    domains_.save(domain);
    if (dumps) core_dumps_.add_phases(job, domain);
    if (restart && action == config::EndAction::RenameRestart) kept_runs_.add_phase(job, domain);
    tear_down_.add_phases(job, domain, domain.record.end_reason, !restart);
    if (!restart) return;
    if (delay != 0) job.add(back_off(delay));
    starts_.add_phases(job, domain, {.paused = false, .patient = true});
}

}  // namespace hvctld
