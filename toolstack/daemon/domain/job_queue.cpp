#include "domain/job_queue.hpp"

#include <fmt/format.h>

#include "base/log.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

constexpr std::uint64_t kRemembered = 200;

}  // namespace

Job& JobQueue::add(JobRecord record, Finished finished) {
    record.started_us = realtime_us();
    (void)registry_.add(record);
    return insert(std::move(record), std::move(finished));
}

Job& JobQueue::resume(JobRecord record, Finished finished) {
    return insert(std::move(record), std::move(finished));
}

Job& JobQueue::insert(JobRecord record, Finished finished) {
    const JobId id = record.id;
    auto job = std::make_unique<Job>(
        loop_, std::move(record),
        [this](Job& changed) {
            (void)registry_.save(changed.record());
            if (on_change) on_change(changed.record());
        },
        [this, finished = std::move(finished)](Job& over, const Result<void>& outcome) {
            const JobRecord& ended_record = over.record();
            if (outcome) {
                log::write(log::Level::Info, {ended_record.domain, ended_record.id, {}},
                           fmt::format("{} done", to_string(ended_record.verb)));
            } else {
                log::write(log::Level::Error, {ended_record.domain, ended_record.id, outcome.error().code()},
                           fmt::format("{} failed in phase \"{}\": {}", to_string(ended_record.verb),
                                       ended_record.phase_text(), outcome.error().text()));
            }
            finished(ended_record);
            ended(over);
        });
    return *(running_[id] = std::move(job));
}

void JobQueue::ended(Job& job) {
    const JobRecord record = job.record();
    (void)registry_.save(record);
    (void)registry_.trim_jobs(kRemembered);
    const auto node = std::make_shared<decltype(running_)::node_type>(running_.extract(record.id));
    loop_.post([node] {});  // the job is still in its own call: it goes with the next round of the loop
    if (on_change) on_change(record);
    std::vector<Waiter> told;
    std::erase_if(waiters_, [&](auto& entry) {
        if (entry.second.job != record.id) return false;
        told.push_back(std::move(entry.second.waiter));
        return true;
    });
    for (const Waiter& waiter : told) waiter(record);
}

Job* JobQueue::find(JobId id) {
    const auto found = running_.find(id);
    return found != running_.end() ? found->second.get() : nullptr;
}

std::vector<JobRecord> JobQueue::list() const {
    std::vector<JobRecord> jobs;
    for (const auto& [id, job] : registry_.jobs()) jobs.push_back(job);
    return jobs;
}

Result<const JobRecord*> JobQueue::ended_job(JobId id) const {
    const auto found = registry_.jobs().find(id);
    if (found == registry_.jobs().end()) return fail(ErrorId::NoSuchJob, fmt::format("there is no job {}", id));
    return &found->second;
}

Result<std::uint64_t> JobQueue::wait(JobId id, Waiter waiter) {
    if (find(id) == nullptr) {
        waiter(JobRecord{*TRY(ended_job(id))});
        return 0;
    }
    waiters_[next_handle_] = {id, std::move(waiter)};
    return next_handle_++;
}

Result<void> JobQueue::cancel(JobId id) {
    Job* job = find(id);
    if (job == nullptr) {
        return fail(ErrorId::WrongState, fmt::format("job {} is {} already", id, to_string(TRY(ended_job(id))->state)));
    }
    if (job->shielded()) {
        return fail(ErrorId::WrongState,
                    fmt::format("{} of {} cannot be called off any more: what it does now must not end half done",
                                to_string(job->record().verb), job->record().domain));
    }
    job->interrupt({ErrorId::Cancelled,
                    fmt::format("{} of {} was cancelled", to_string(job->record().verb), job->record().domain)});
    return {};
}

}  // namespace hvctld
