// All jobs: those that run, with their waiters, and the memory of those that have ended.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "domain/job.hpp"

namespace hvctld {

class JobQueue {
  public:
    using Finished = std::function<void(const JobRecord&)>;
    using Waiter = std::function<void(const JobRecord&)>;

    JobQueue(Loop& loop, Registry& registry) : loop_{loop}, registry_{registry} {}

    // Registers a job; add phases to it, then start() it. `finished` runs before any waiter.
    Job& add(JobRecord record, Finished finished);
    // Takes up a job of the previous process under its own id.
    Job& resume(JobRecord record, Finished finished);

    [[nodiscard]] Job* find(JobId id);
    [[nodiscard]] bool idle() const { return running_.empty(); }
    // Every job that is remembered, oldest first.
    [[nodiscard]] std::vector<JobRecord> list() const;
    // `waiter` runs once when the job has ended, at once if it has. The handle ends the waiting.
    Result<std::uint64_t> wait(JobId id, Waiter waiter);
    void stop_waiting(std::uint64_t handle) { waiters_.erase(handle); }
    // WrongState once the job cannot be called off any more.
    Result<void> cancel(JobId id);

    // Told of every change of a job.
    std::function<void(const JobRecord&)> on_change;

  private:
    struct Waiting {
        JobId job;
        Waiter waiter;
    };

    Job& insert(JobRecord record, Finished finished);
    [[nodiscard]] Result<const JobRecord*> ended_job(JobId id) const;
    void ended(Job& job);

    Loop& loop_;
    Registry& registry_;
    std::map<JobId, std::unique_ptr<Job>> running_;
    std::map<std::uint64_t, Waiting> waiters_;
    std::uint64_t next_handle_ = 1;
};

}  // namespace hvctld
