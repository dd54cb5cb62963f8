// A job: an operation that takes time, as a list of phases run one after the other, each undone if a later one fails.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/errors.hpp"
#include "base/loop.hpp"
#include "registry/registry.hpp"

namespace hvctld {

class Job;

// A step reports its end by calling `done` once, at once or later, on the loop's thread.
using Done = std::function<void(Result<void>)>;
using Step = std::function<void(Job& job, Done done)>;

struct Phase {
    JobPhase name;
    std::uint32_t percent;  // how far the job is when the phase begins
    Step run;
};

// A step of plain calls.
Step immediate(std::function<Result<void>(Job& job)> work);
// A step in the thread pool; `work` must not touch the job but for its stop token and report_percent().
Step in_pool(std::function<Result<void>(Job& job)> work);
// A step that only waits, then calls `then`, if any; an interruption ends the waiting.
Step delay(std::uint64_t ms, std::function<void(Job& job)> then = nullptr);

class Job {
  public:
    // `changed` runs after each change of the record, `finished` when all is over, undoing included.
    Job(Loop& loop, JobRecord record, std::function<void(Job&)> changed,
        std::function<void(Job&, const Result<void>&)> finished);

    [[nodiscard]] const JobRecord& record() const { return record_; }
    [[nodiscard]] JobId id() const { return record_.id; }
    [[nodiscard]] Loop& loop() { return loop_; }

    // Appends to what is still to do; phases may add phases.
    void add(Phase phase) { phases_.push_back(std::move(phase)); }
    // To be done, last first, if the job fails from here on.
    void on_failure(Step undo) { undo_.push_back(std::move(undo)); }
    // What has been done stays from here on.
    void keep() { undo_.clear(); }

    // From here on, until unshield(), an interruption waits: what is under way must not end half done.
    void shield() { shielded_ = true; }
    void unshield() { shielded_ = false; }
    [[nodiscard]] bool shielded() const { return shielded_; }

    // Begins; the deadline of the record counts.
    void start();
    // Another one, for a client that joins the job while it waits.
    void set_deadline(std::uint32_t seconds);
    // What the record's deadline was for is over: from here on the job takes the time that it takes, also when another
    // process goes on with it.
    void lift_deadline();
    // To be called before a process goes on with what another one left unfinished: counts the attempt, as it may be
    // this very job that took that process down. The count begins anew when this process is still there after a while.
    void count_attempt();
    // Stops waiting phases at once and others at their next stop.
    void interrupt(Error why);
    // It has been called off, or is being undone.
    [[nodiscard]] bool interrupted() const { return interruption_ != nullptr || !outcome_; }
    // For a phase that waits: how to make it end early; it may put the cause more precisely. Dropped when the phase
    // ends.
    void on_interrupt(std::function<void(Error& why)> end) { end_waiting_ = std::move(end); }
    [[nodiscard]] bool waiting() const { return end_waiting_ != nullptr; }

    [[nodiscard]] std::stop_token stop_token() const { return stop_.get_token(); }
    // What a phase that takes long is at now, shown in place of its word.
    void say(const std::string& what);
    // From any thread.
    void report_percent(std::uint32_t percent);

  private:
    void watch_deadline();
    void next();
    void phase_ended(Result<void> result);
    void note_failure();
    void undo_next();
    void end();

    Loop& loop_;
    JobRecord record_;
    std::function<void(Job&)> changed_;
    std::function<void(Job&, const Result<void>&)> finished_;
    std::deque<Phase> phases_;
    std::vector<Step> undo_;
    std::function<void(Error&)> end_waiting_;
    std::stop_source stop_;
    std::unique_ptr<Timer> deadline_;
    std::unique_ptr<Timer> lasted_;
    Result<void> outcome_;
    std::unique_ptr<Error> interruption_;
    bool shielded_ = false;
    std::shared_ptr<Job*> alive_;
};

}  // namespace hvctld
