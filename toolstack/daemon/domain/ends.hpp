// Guests that stop by themselves: noticed by VIRQ_DOM_EXC, acted upon as the definition says.
#pragma once

#include "domain/context.hpp"
#include "domain/core_dumps.hpp"
#include "domain/domains.hpp"
#include "domain/kept_runs.hpp"
#include "domain/starts.hpp"
#include "domain/tear_down.hpp"
#include "domain/work.hpp"

namespace hvctld {

class Ends {
  public:
    Ends(Context& context, Domains& domains, Work& work, TearDown& tear_down, Starts& starts, CoreDumps& core_dumps,
         KeptRuns& kept_runs)
        : context_{context},
          domains_{domains},
          work_{work},
          tear_down_{tear_down},
          starts_{starts},
          core_dumps_{core_dumps},
          kept_runs_{kept_runs},
          again_{context.loop} {}

    // From here on hv tells the daemon when a domain has ended.
    Result<void> listen();
    // Looks for domains that have ended, and acts upon that.
    void scan();
    // What the definition wants after this end: nothing, an end, a restart. `asked`: by an administrator, so that it
    // does not count as one more of the guest's own.
    void add_phases(Job& job, Domain& domain, EndReason reason, bool asked);
    // The last job of the domain is over: whether another one has been begun, because a guest that is wanted is not
    // there, or not there yet. What that job could not end is ended later.
    [[nodiscard]] bool goes_on(Domain& domain, const JobRecord& job);

  private:
    void ended(Domain& domain, EndReason reason);
    void act_on(Domain& domain, EndReason reason);
    void end_again(Domain& domain);
    [[nodiscard]] bool starts_after_end(Domain& domain);
    // A guest is between two runs, and what the next one takes is not there for a moment: memory that another guest
    // has, a file server, a Dom0 that has run out of something. Whether the start that `job` failed to make is tried
    // again.
    [[nodiscard]] bool starts_later(Domain& domain, const JobRecord& job);
    [[nodiscard]] bool may_start_later(Domain& domain, const JobRecord& job);
    void look_again();
    [[nodiscard]] config::EndAction action_for(const Domain& domain, EndReason reason) const;
    std::uint64_t restart_delay_ms(Domain& domain, EndReason reason);

    Context& context_;
    Domains& domains_;
    Work& work_;
    TearDown& tear_down_;
    Starts& starts_;
    CoreDumps& core_dumps_;
    KeptRuns& kept_runs_;
    BoundPort exceptions_;
    Timer again_;  // looks for what could not be ended
};

}  // namespace hvctld
