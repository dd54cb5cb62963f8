#include "domain/work.hpp"

#include <fmt/format.h>

#include <utility>

#include "hvctl/try.hpp"

namespace hvctld {

Job* Work::present_job(const Domain& domain) {
    return context_.jobs.find(domain.job != 0 ? domain.job : domain.unwinding.empty() ? 0 : *domain.unwinding.rbegin());
}

Result<Work::Admission> Work::admit(const Domain& domain, Verb asked) {
    const Job* job = present_job(domain);
    if (job == nullptr) return Admission{};
    Conflict verdict = conflict(job->record().verb, asked);
    // A request does not join a job that has been called off, and to end a guest does not wait for a core file.
    if (verdict == Conflict::Join && (job->interrupted() || is_of_a_dump(job->record().phase)))
        verdict = asked == Verb::Destroy || asked == Verb::Shutdown ? Conflict::Supersede : Conflict::Refuse;
    if (verdict == Conflict::WhileItWaits)
        verdict = waits_for_guest(job->record().phase) ? Conflict::Beside : Conflict::Refuse;
    if (verdict == Conflict::Join) return Admission{verdict, job->id()};
    if (verdict != Conflict::Refuse) return Admission{verdict, 0};
    return fail(ErrorId::Busy,
                fmt::format("{}: job {} ({}, phase \"{}\") works on it; wait for that job or cancel it",
                            domain.record.name, job->id(), to_string(job->record().verb), job->record().phase_text()));
}

Result<void> Work::host_stays(Verb asked) const {
    if (host_end_ == 0 || conflict(Verb::StopAll, asked) != Conflict::Refuse) return {};
    return fail(ErrorId::Busy,
                fmt::format("job {} stops all guests because the host goes down; nothing is started until it "
                            "has ended",
                            host_end_));
}

Result<void> Work::require_whole(const Domain& domain) {
    if (!domain.half_there()) return {};
    return fail(
        ErrorId::WrongState,
        fmt::format("{0} is not whole: its end has begun, and it has lost its store and its console; 'hvctl destroy "
                    "{0}' ends it",
                    domain.record.name));
}

Result<bool> Work::can_answer(const Domain& domain) const {
    constexpr std::uint32_t kNot = abi::kDomainPaused | abi::kDomainShutdown | abi::kDomainUnstarted;
    const auto info = TRY(within(domain.record.name, Result<abi::DomainInfo>{context_.hypervisor.domain(domain.id())}));
    return (info.flags & kNot) == 0;
}

bool Work::gives_way(const Job& job, Verb asked) {
    return conflict(job.record().verb, asked) == Conflict::Supersede ||
           (conflict(job.record().verb, asked) == Conflict::Join && is_of_a_dump(job.record().phase));
}

Job& Work::begin(Domain& domain, Verb verb, std::uint32_t deadline_seconds, bool paused, const std::string& why) {
    make_way(domain, verb, why);
    JobRecord record;
    record.verb = verb;
    record.domain = domain.record.name;
    record.start_paused = paused;
    if (deadline_seconds != 0) record.deadline_us = monotonic_us() + std::uint64_t{deadline_seconds} * 1000000;
    Job& job = context_.jobs.add(std::move(record), finished(domain.record.name));
    domain.job = job.id();
    return job;
}

Job& Work::resume(Domain& domain, JobRecord record) {
    if (domain.job != 0) domain.unwinding.insert(domain.job);
    Job& job = context_.jobs.resume(std::move(record), finished(domain.record.name));
    domain.job = job.id();
    return job;
}

// Whatever works on the domain comes before the new job, called off unless the table lets it end.
void Work::make_way(Domain& domain, Verb asked, const std::string& why) {
    const Error called_off{ErrorId::Cancelled, fmt::format("{}: {}", domain.record.name, why)};
    // What queues before the last one, too; not what is to end before this one, as a destroy before a start.
    for (const JobId id : std::set<JobId>{domain.unwinding}) {
        Job* before = context_.jobs.find(id);
        if (before != nullptr && gives_way(*before, asked)) before->interrupt(called_off);
    }
    Job* job = context_.jobs.find(std::exchange(domain.job, 0));
    if (job == nullptr) return;
    domain.unwinding.insert(job->id());
    if (conflict(job->record().verb, asked) != Conflict::Queue) job->interrupt(called_off);
}

Job& Work::begin_change(Domain& domain, Verb verb) {
    Job& job = begin(domain, verb, 0, false);
    if (!domain.unwinding.empty()) job.add(waiting_phase(domain));
    return job;
}

JobId Work::go(const Domain& domain, Job& job) {
    domains_.changed(domain);
    const JobId id = job.id();
    job.start();
    return id;
}

Phase Work::waiting_phase(Domain& domain) {
    return {JobPhase::WaitForOthers, 5, [&domain](Job& job, const Done& done) {
                const JobId id = job.id();
                if (!domain.has_jobs_before(id)) return done({});
                domain.waiting[id] = [done] { done({}); };
                job.on_interrupt([&domain, id, done](Error& why) {
                    domain.waiting.erase(id);
                    done(std::unexpected(why));
                });
            }};
}

JobQueue::Finished Work::finished(const std::string& name) {
    return [this, name](const JobRecord& job) {
        Domain* domain = domains_.named(name);
        if (domain == nullptr) return;
        const bool was_before = domain->unwinding.erase(job.id) != 0;
        if (domain->job == job.id) {
            domain->job = 0;
            domain->on_end = nullptr;
            domain->ask_again = nullptr;
        } else if (!was_before) {
            return;
        }
        if (const auto next = domain->waiting.begin(); next != domain->waiting.end()) {
            if (domain->has_jobs_before(next->first)) return;
            const auto begin = std::move(next->second);
            domain->waiting.erase(next);
            return begin();
        }
        if (domain->unwinding.empty() && domain->job == 0 && !on_last_job(*domain, job)) at_rest(*domain);
    };
}

}  // namespace hvctld
