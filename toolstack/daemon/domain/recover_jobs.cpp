// Jobs that the previous process did not end: they go on under their own number, or are undone.
#include <fmt/format.h>

#include <algorithm>

#include "domain/recovery.hpp"

namespace hvctld {
namespace {

// A job may be what takes the daemon down, and mostly is not: what kills a daemon, a system out of memory above all,
// does so more than once. So it is begun again, later each time, and given up when that goes on.
constexpr std::uint32_t kMostAttempts = 8;
constexpr std::uint32_t kAttemptsAtOnce = 2;  // the first one is that of the process that was asked
constexpr std::uint64_t kFirstPauseMs = 1000;
constexpr std::uint64_t kLongestPauseMs = 60'000;

std::uint64_t pause_before(std::uint32_t attempts) {
    if (attempts < kAttemptsAtOnce) return 0;
    return std::min(kLongestPauseMs, kFirstPauseMs << std::min(attempts - kAttemptsAtOnce, 16u));
}

// What a job wants in the end of a domain that is not there now.
enum class Wants : std::uint8_t { Nothing, Guest, GuestIfWanted };

}  // namespace

// What the previous process left of a job and of its guest.
struct Recovery::Left {
    JobPhase phase = JobPhase::None;
    bool paused = false;
    bool ended = false;      // the guest has
    bool unstarted = false;  // it has never run
    EndReason reason = EndReason::None;
};

// How each verb goes on. Where the domain is half there that is ended first, whatever the verb; where its guest is
// whole, `with_guest` adds what is left to do.
struct Recovery::Resumption {
    Verb verb;
    Wants wants;
    EndReason reason;  // of the end of what is half there
    void (Recovery::*with_guest)(Job& job, Domain& domain, const Left& left);
};

const Recovery::Resumption Recovery::kResumptions[] = {
    {Verb::Create, Wants::Guest, EndReason::None, &Recovery::go_on_with_start},
    {Verb::Start, Wants::Guest, EndReason::None, &Recovery::go_on_with_start},
    {Verb::Restart, Wants::GuestIfWanted, EndReason::None, &Recovery::go_on_with_restart},
    {Verb::Reboot, Wants::GuestIfWanted, EndReason::None, &Recovery::go_on_with_reboot},
    {Verb::Shutdown, Wants::Nothing, EndReason::None, &Recovery::go_on_with_shutdown},
    {Verb::Destroy, Wants::Nothing, EndReason::Destroyed, &Recovery::go_on_with_destroy},
    {Verb::DumpCore, Wants::Nothing, EndReason::None, &Recovery::go_on_with_dump},
    {Verb::CleanUp, Wants::Nothing, EndReason::None, &Recovery::go_on_with_clean_up},
};

void Recovery::go_on_with_start(Job& job, Domain& domain, const Left& left) {
    parts_.starts.add_last_phase(job, domain, left.paused || !left.unstarted);
}

void Recovery::go_on_with_restart(Job& job, Domain& domain, const Left& left) {
    if (left.ended) return parts_.ends.add_phases(job, domain, left.reason, false);
    go_on_with_start(job, domain, left);
}

void Recovery::go_on_with_reboot(Job& job, Domain& domain, const Left& left) {
    if (is_of_a_start(left.phase)) return go_on_with_start(job, domain, left);  // this guest is the new one
    if (left.ended) return parts_.ends.add_phases(job, domain, left.reason, true);
    parts_.requests.add_ask_phases(job, domain, !waits_for_guest(left.phase));
}

void Recovery::go_on_with_shutdown(Job& job, Domain& domain, const Left& left) {
    // It had called off a start, which may have come to anything. What has never run cannot answer.
    if (left.phase == JobPhase::WaitForOthers || left.phase == JobPhase::LookAtRest || left.unstarted)
        return job.add(parts_.requests.ask_what_is_left(domain));
    if (left.ended) return parts_.ends.add_phases(job, domain, left.reason, true);
    parts_.requests.add_ask_phases(job, domain, !waits_for_guest(left.phase));
}

void Recovery::go_on_with_destroy(Job& job, Domain& domain, const Left&) {
    parts_.tear_down.add_phases(job, domain, EndReason::Destroyed, true);
}

// What there was of the file has gone with the process.
void Recovery::go_on_with_dump(Job& job, Domain&, const Left& left) {
    job.add({left.phase, job.record().percent, immediate([](Job& running) -> Result<void> {
                 return fail(ErrorId::Interrupted,
                             fmt::format("{}: hvctld was restarted before the file was whole; the guest goes on",
                                         running.record().domain));
             })});
}

void Recovery::go_on_with_clean_up(Job& job, Domain& domain, const Left& left) {
    if (left.ended) return parts_.ends.add_phases(job, domain, left.reason, true);
    parts_.tear_down.add_phases(job, domain, domain.record.end_reason, true);
}

void Recovery::recover_jobs(bool same_boot) {
    std::vector<JobRecord> open;
    for (const auto& [id, job] : context_.registry.jobs()) {
        if (job.state == JobState::Queued || job.state == JobState::Running) open.push_back(job);
    }
    std::optional<JobRecord> host_end;
    std::vector<JobId> taken_up;
    for (JobRecord& job : open) {
        if (!same_boot) job.deadline_us = 0;  // it was of another clock
        // Whatever comes of the job.
        if (Domain* stopped = parts_.domains.named(job.domain);
            job.verb == Verb::DumpCore && stopped != nullptr && stopped->record.phase == DomainPhase::Running)
            parts_.core_dumps.let_go(*stopped, job.start_paused);
        // Called off for a newer one, unless that one waited for it.
        const bool superseded = std::ranges::any_of(open, [&](const JobRecord& other) {
            return other.domain == job.domain && other.id > job.id && conflict(job.verb, other.verb) != Conflict::Queue;
        });
        const bool of_all = job.verb == Verb::StopAll;
        if (superseded || job.attempts >= kMostAttempts || (of_all && !same_boot)) {
            // What takes the daemon down each time is not begun anew by what ends its guest.
            if (Domain* domain = parts_.domains.named(job.domain); domain != nullptr && !superseded)
                domain->record.wanted = false;
            give_up_job(std::move(job));
        } else if (of_all) {
            host_end = std::move(job);  // it looks at what all others do
        } else if (Domain* domain = parts_.domains.named(job.domain)) {
            if (const JobId id = recover_job(*domain, std::move(job)); id != 0) taken_up.push_back(id);
        } else {
            give_up_job(std::move(job));
        }
    }
    // Not before all are there: the end of the first one is not the end of the domain while another one waits for it.
    for (const JobId id : taken_up) {
        if (Job* job = context_.jobs.find(id)) job->start();
    }
    if (host_end) parts_.host_end.resume(std::move(*host_end));
}

void Recovery::give_up_job(JobRecord record) {
    record.ended_us = realtime_us();
    if (record.error == 0) {
        record.error = static_cast<std::uint16_t>(ErrorId::Interrupted);
        record.message = fmt::format("{} of {} was interrupted by a restart of hvctld in phase \"{}\"",
                                     to_string(record.verb), record.domain, record.phase_text());
    }
    record.state = static_cast<ErrorId>(record.error) == ErrorId::Cancelled ? JobState::Cancelled : JobState::Failed;
    (void)context_.registry.save(record);
}

JobId Recovery::recover_job(Domain& domain, JobRecord record) {
    const auto row = std::ranges::find(kResumptions, record.verb, &Resumption::verb);
    if (row == std::end(kResumptions)) {  // of a verb that makes no jobs
        give_up_job(std::move(record));
        return 0;
    }
    Left left{.phase = record.phase, .paused = record.start_paused};
    const bool whole = domain.record.phase == DomainPhase::Running;
    if (const auto info = whole ? context_.hypervisor.domain(domain.id()) : hvctl::Result<abi::DomainInfo>{};
        whole && info) {
        left.ended = (info->flags & abi::kDomainShutdown) != 0;
        left.unstarted = (info->flags & abi::kDomainUnstarted) != 0;
        left.reason = end_reason(*info);
    }
    if (!whole && record.verb == Verb::DumpCore) {
        give_up_job(std::move(record));
        return 0;
    }
    const Error cause{static_cast<ErrorId>(record.error), record.message};
    const bool undoes = record.error != 0;
    const bool behind = domain.job != 0;  // another job, which has been resumed before this one
    Job& job = parts_.work.resume(domain, std::move(record));
    const bool starts =
        !undoes && (row->wants == Wants::Guest || (row->wants == Wants::GuestIfWanted && domain.record.wanted));
    const std::uint64_t pause_ms = starts ? pause_before(job.record().attempts) : 0;
    if (pause_ms == 0) job.count_attempt();
    const StartOptions options{left.paused, row->wants == Wants::GuestIfWanted};
    if (behind) job.add(Work::waiting_phase(domain));
    // What never ran is half-made to a job that is undone, however far it had come.
    const bool half = domain.half_there() || (undoes && left.unstarted && row->wants != Wants::Nothing);
    // A destroy that finds no guest any more has ended it just before the daemon was killed.
    const bool done = !domain.in_hv() && !undoes && row->reason != EndReason::None;
    if ((half || done) && !behind) parts_.tear_down.add_phases(job, domain, row->reason, !starts);
    if (undoes) {
        // A guest that only was to be asked to end goes on; what was half-made has been ended just now.
        job.add({left.phase, 90, immediate([cause](Job&) -> Result<void> { return std::unexpected(cause); })});
    } else if (whole && !behind) {
        (this->*row->with_guest)(job, domain, left);
    } else if (starts) {
        if (pause_ms != 0)
            job.add({left.phase, job.record().percent, delay(pause_ms, [](Job& again) { again.count_attempt(); })});
        parts_.starts.add_phases(job, domain, options);
    }
    return job.id();
}

}  // namespace hvctld
