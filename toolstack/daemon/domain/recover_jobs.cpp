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

// What becomes of a job after a restart of the daemon.
enum class Course : std::uint8_t {
    GoesOn,           // whatever is left of its domain: what is half there is ended first
    GoesOnWithGuest,  // where the guest is whole; is interrupted otherwise
    IsInterrupted,    // fails as Interrupted; what it worked on is taken up, or swept, by the part that it belongs to
    OfTheHost,  // goes on when all others have been taken up, as it looks at what they do; not after the host's boot
};

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

// How each verb goes on.
struct Recovery::Resumption {
    Verb verb;
    Course course;
    // Of those that go on: what is left to do where the guest is whole.
    void (Recovery::*with_guest)(Job& job, Domain& domain, const Left& left) = nullptr;
    Wants wants = Wants::Nothing;
    EndReason reason = EndReason::None;  // of the end of what is half there
    // What the process before this one did to a whole guest and this one takes back, whatever comes of the job.
    void (Recovery::*set_right)(const Domain& domain, const JobRecord& job) = nullptr;
};

// One row for each verb that is stored, in their order. Those of devices and volumes are interrupted: the store says
// which disks and network interfaces are there, and Disks::recover() and Nics::recover() bring the definition into line
// with it; what there is of half a volume is erased by Volumes::sweep().
const Recovery::Resumption& Recovery::resumption_of(Verb verb) {
    using enum Course;
    static constexpr Resumption kRows[] = {
        {Verb::Create, GoesOn, &Recovery::go_on_with_start, Wants::Guest},
        {Verb::Start, GoesOn, &Recovery::go_on_with_start, Wants::Guest},
        {Verb::Restart, GoesOn, &Recovery::go_on_with_restart, Wants::GuestIfWanted},
        {Verb::Reboot, GoesOn, &Recovery::go_on_with_reboot, Wants::GuestIfWanted},
        {Verb::Shutdown, GoesOn, &Recovery::go_on_with_shutdown},
        {Verb::Destroy, GoesOn, &Recovery::go_on_with_destroy, Wants::Nothing, EndReason::Destroyed},
        {Verb::CleanUp, GoesOn, &Recovery::go_on_with_clean_up},
        {Verb::AttachDisk, IsInterrupted},
        {Verb::DetachDisk, IsInterrupted},
        {Verb::ResizeDisk, IsInterrupted},
        {Verb::AttachNic, IsInterrupted},
        {Verb::DetachNic, IsInterrupted},
        {Verb::ChangeNic, IsInterrupted},
        {.verb = Verb::DumpCore,
         .course = GoesOnWithGuest,
         .with_guest = &Recovery::go_on_with_dump,
         .set_right = &Recovery::let_dumped_guest_go},
        {Verb::CreateVolume, IsInterrupted},
        {Verb::ImportVolume, IsInterrupted},
        {Verb::ResizeVolume, IsInterrupted},
        {Verb::DeleteVolume, IsInterrupted},
        {Verb::StopAll, OfTheHost},
    };
    static_assert(std::size(kRows) == std::size_t{static_cast<std::uint8_t>(kLastStoredVerb)} + 1);
    static_assert(
        [] {
            std::uint8_t number = 0;
            for (const Resumption& row : kRows) {
                if (row.verb != static_cast<Verb>(number++)) return false;
            }
            return true;
        }(),
        "a row for each verb that is stored, in the order of the verbs");
    return kRows[static_cast<std::uint8_t>(verb)];
}

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

// It was stopped for the dump; the job's record says whether an administrator had paused it before.
void Recovery::let_dumped_guest_go(const Domain& domain, const JobRecord& job) {
    parts_.core_dumps.let_go(domain, job.start_paused);
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
        const Resumption& row = resumption_of(job.verb);
        Domain* domain = parts_.domains.named(job.domain);
        if (row.set_right != nullptr && domain != nullptr && is_whole(domain->record.phase))
            (this->*row.set_right)(*domain, job);
        // Called off for a newer one, unless that one waited for it.
        const bool superseded = std::ranges::any_of(open, [&](const JobRecord& other) {
            return other.domain == job.domain && other.id > job.id && conflict(job.verb, other.verb) != Conflict::Queue;
        });
        if (superseded || job.attempts >= kMostAttempts) {
            // What takes the daemon down each time is not begun anew by what ends its guest.
            if (domain != nullptr && !superseded) domain->record.wanted = false;
            give_up_job(std::move(job));
            continue;
        }
        const bool whole = domain != nullptr && is_whole(domain->record.phase);
        const bool goes_on = [&] {
            switch (row.course) {
                case Course::GoesOn: return domain != nullptr;
                case Course::GoesOnWithGuest: return whole;
                case Course::IsInterrupted: return false;
                case Course::OfTheHost: return same_boot;
            }
            return false;
        }();
        if (!goes_on) {
            give_up_job(std::move(job));
        } else if (row.course == Course::OfTheHost) {
            host_end = std::move(job);
        } else {
            taken_up.push_back(recover_job(*domain, std::move(job), row));
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

JobId Recovery::recover_job(Domain& domain, JobRecord record, const Resumption& row) {
    Left left{.phase = record.phase, .paused = record.start_paused};
    const bool whole = is_whole(domain.record.phase);
    if (const auto info = whole ? context_.hypervisor.domain(domain.id()) : hvctl::Result<abi::DomainInfo>{};
        whole && info) {
        left.ended = (info->flags & abi::kDomainShutdown) != 0;
        left.unstarted = (info->flags & abi::kDomainUnstarted) != 0;
        left.reason = end_reason(*info);
    }
    const Error cause{static_cast<ErrorId>(record.error), record.message};
    const bool undoes = record.error != 0;
    const bool behind = domain.job != 0;  // another job, which has been resumed before this one
    Job& job = parts_.work.resume(domain, std::move(record));
    const bool starts =
        !undoes && (row.wants == Wants::Guest || (row.wants == Wants::GuestIfWanted && domain.record.wanted));
    const std::uint64_t pause_ms = starts ? pause_before(job.record().attempts) : 0;
    if (pause_ms == 0) job.count_attempt();
    const StartOptions options{left.paused, row.wants == Wants::GuestIfWanted};
    if (behind) job.add(Work::waiting_phase(domain));
    // What never ran is half-made to a job that is undone, however far it had come.
    const bool half = domain.half_there() || (undoes && left.unstarted && row.wants != Wants::Nothing);
    // A destroy that finds no guest any more has ended it just before the daemon was killed.
    const bool done = !domain.in_hv() && !undoes && row.reason != EndReason::None;
    if ((half || done) && !behind) parts_.tear_down.add_phases(job, domain, row.reason, !starts);
    if (undoes) {
        // A guest that only was to be asked to end goes on; what was half-made has been ended just now.
        job.add({left.phase, 90, immediate([cause](Job&) -> Result<void> { return std::unexpected(cause); })});
    } else if (whole && !behind) {
        (this->*row.with_guest)(job, domain, left);
    } else if (starts) {
        if (pause_ms != 0)
            job.add({left.phase, job.record().percent, delay(pause_ms, [](Job& again) { again.count_attempt(); })});
        parts_.starts.add_phases(job, domain, options);
    }
    return job.id();
}

}  // namespace hvctld
