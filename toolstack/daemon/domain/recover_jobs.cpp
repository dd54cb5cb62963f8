// Jobs that the previous process did not end: they go on under their own number, or are undone.
#include <fmt/format.h>

#include <algorithm>

#include "domain/manager.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

// A job may be what takes the daemon down, and mostly is not: who kills a daemon, a system out of memory above all,
// does so more than once. So it is begun again, later each time, and given up when that goes on.
constexpr std::uint32_t kMostAttempts = 8;
constexpr std::uint32_t kAttemptsAtOnce = 2;  // the first one is that of the process that was asked
constexpr std::uint64_t kLongestPauseMs = 60'000;

std::uint64_t pause_before(std::uint32_t attempts) {
    if (attempts < kAttemptsAtOnce) return 0;
    return std::min(kLongestPauseMs, std::uint64_t{1000} << std::min(attempts - kAttemptsAtOnce, 16u));
}

}  // namespace

void Manager::recover_jobs(bool same_boot) {
    std::vector<JobRecord> open;
    for (const auto& [id, job] : registry_.jobs()) {
        if (job.state == JobState::Queued || job.state == JobState::Running) open.push_back(job);
    }
    std::optional<JobRecord> last;
    for (JobRecord& job : open) {
        if (!same_boot) job.deadline_us = 0;  // it was of another clock
        const auto found = domains_.find(job.domain);
        const bool newer = std::ranges::any_of(open, [&](const JobRecord& other) {
            return other.domain == job.domain && other.id > job.id;  // it was called off for that one
        });
        if (newer || job.attempts >= kMostAttempts || (stops_all(job) && !same_boot)) {
            give_up_job(std::move(job));
        } else if (stops_all(job)) {
            last = std::move(job);  // it looks at what all others do
        } else if (found == domains_.end()) {
            give_up_job(std::move(job));
        } else {
            recover_job(*found->second, std::move(job));
        }
    }
    if (last) resume_stop_all(std::move(*last));
}

void Manager::give_up_job(JobRecord record) {
    record.state = JobState::Failed;
    record.ended_us = realtime_us();
    if (record.error == 0) {
        record.error = static_cast<std::uint16_t>(ErrorId::Interrupted);
        record.message = fmt::format("{} of {} was interrupted by a restart of hvctld in phase \"{}\"", record.verb,
                                     record.domain, record.phase);
    }
    (void)registry_.save(record);
}

void Manager::recover_job(Domain& domain, JobRecord record) {
    const bool running = domain.record.phase == DomainPhase::Running;
    const auto info = running ? hypervisor_.domain(domain.id())
                              : hvctl::Result<abi::DomainInfo>{hvctl::fail(hvctl::ErrorCode::NotFound, "")};
    const bool has_ended = info && (info->flags & abi::kDomainShutdown) != 0;
    const std::string verb = record.verb;
    const std::string phase = record.phase;
    const bool starts = starts_guest(verb);
    const bool asks = verb == "shutdown" || verb == "reboot";
    const bool paused = record.start_paused;
    const Error cause{static_cast<ErrorId>(record.error), record.message};
    const bool undoes = record.error != 0;
    Job& job = jobs_.resume(std::move(record), job_finished(domain.record.name));
    domain.job = job.id();
    const bool goes_on = starts && !undoes && (verb == "create" || verb == "start" || domain.record.wanted);
    const std::uint64_t pause_ms = goes_on ? pause_before(job.record().attempts) : 0;
    if (pause_ms == 0) job.count_attempt();
    if (domain.half_there()) add_stop_phases(job, domain, "", !goes_on);
    if (undoes) {
        // A guest that only was to be asked to end goes on; what was half-made has been ended just now.
        job.add({phase, 90, immediate([cause](Job&) -> Result<void> { return std::unexpected(cause); })});
    } else if (running && asks && !has_ended && phase.starts_with("wait for the guest")) {
        add_ask_phases(job, domain, verb == "reboot" ? "reboot" : "poweroff", false);
    } else if (running && asks && !has_ended) {
        add_ask_phases(job, domain, verb == "reboot" ? "reboot" : "poweroff", true);
    } else if (running && has_ended && verb != "create" && verb != "start" && verb != "destroy") {
        add_end_phases(job, domain, static_cast<EndReason>(std::min(info->shutdown_reason, 5u)), verb != "restart");
    } else if (running && starts) {
        // It runs already; only the last word may be missing.
        job.add({"start", 98,
                 immediate([this, &domain, paused,
                            unstarted = info && (info->flags & abi::kDomainUnstarted) != 0](Job&) -> Result<void> {
                     if (!paused && unstarted) TRY(Result<void>{hypervisor_.unpause_domain(domain.id())});
                     started(domain);
                     return {};
                 })});
    } else if (goes_on) {
        if (pause_ms != 0)
            job.add({phase, job.record().percent, delay(pause_ms, [](Job& again) { again.count_attempt(); })});
        add_start_phases(job, domain, paused, verb == "restart" || verb == "reboot");
    } else if (running) {
        add_stop_phases(job, domain, verb == "destroy" ? "destroyed" : std::string{domain.record.end_reason}, true);
    }
    job.start();
}

}  // namespace hvctld
