// Jobs and the domains that they work on: which job may begin beside which (conflicts.hpp), and what follows when one
// ends.
#pragma once

#include <functional>
#include <string>

#include "domain/conflicts.hpp"
#include "domain/context.hpp"
#include "domain/domains.hpp"
#include "domain/job_queue.hpp"

namespace hvctld {

class Work {
  public:
    Work(Context& context, Domains& domains) : context_{context}, domains_{domains} {}
    Work(const Work&) = delete;
    Work& operator=(const Work&) = delete;

    // What the table says of `asked` here and now: Busy, or how to go on. `joined` is the job that does it already.
    struct Admission {
        Conflict conflict = Conflict::Beside;
        JobId joined = 0;
    };
    Result<Admission> admit(const Domain& domain, Verb asked);
    // Busy while the host goes down, for what would start a guest.
    [[nodiscard]] Result<void> host_stays(Verb asked) const;
    // Whether `job` is to be called off for what is asked.
    [[nodiscard]] static bool gives_way(const Job& job, Verb asked);
    // WrongState for a guest that has lost its store and console.
    [[nodiscard]] static Result<void> require_whole(const Domain& domain);

    // Whether the guest runs now: it has been started, is not paused and has not ended.
    [[nodiscard]] Result<bool> can_answer(const Domain& domain) const;

    // Begins a job for the domain: add phases, then start() it. Jobs that are superseded end with `why`. Where
    // other jobs come first (Domain::unwinding), the first phase to add is waiting_phase().
    Job& begin(Domain& domain, Verb verb, std::uint32_t deadline_seconds, bool paused, const std::string& why = {});
    // The same for a change of a guest that runs: without a deadline, as none of its phases waits for ever, and with
    // the waiting phase.
    Job& begin_change(Domain& domain, Verb verb);
    // Starts a job that has all its phases.
    JobId go(const Domain& domain, Job& job);
    // A job of the previous process, under its own number; after one that has been resumed before it.
    Job& resume(Domain& domain, JobRecord record);
    // Until the jobs before this one have ended.
    [[nodiscard]] static Phase waiting_phase(Domain& domain);

    // The job that ends all guests; 0: none does.
    void set_host_end(JobId job) { host_end_ = job; }
    [[nodiscard]] JobId host_end() const { return host_end_; }

    // No job works on the domain any more. The domain may be forgotten by this call.
    void at_rest(Domain& domain) { on_rest(domain); }
    std::function<void(Domain&)> on_rest;
    // The last job of the domain has ended: whether another one has been begun instead.
    std::function<bool(Domain&, const JobRecord&)> on_last_job;

  private:
    [[nodiscard]] Job* present_job(const Domain& domain);
    JobQueue::Finished finished(const std::string& name);
    void make_way(Domain& domain, Verb asked, const std::string& why);

    Context& context_;
    Domains& domains_;
    JobId host_end_ = 0;
};

}  // namespace hvctld
