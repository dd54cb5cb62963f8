// rename-restart: the domain of a run that is over stays in hv, under a name and a UUID of its own, to be looked at;
// the guest starts anew under its own.
#pragma once

#include "domain/context.hpp"
#include "domain/domains.hpp"
#include "domain/tear_down.hpp"

namespace hvctld {

class KeptRuns {
  public:
    KeptRuns(Context& context, Domains& domains, TearDown& tear_down)
        : context_{context}, domains_{domains}, tear_down_{tear_down} {}

    // Before TearDown::add_phases(), which finds nothing to free then. Where the run cannot be kept, as its disks still
    // have its memory, the log says so, and it is freed like any other.
    void add_phase(Job& job, Domain& domain);

    // hv has the domain's last run as that of a UUID of its own, but the registry does not: the process before this one
    // was killed in between.
    static bool is_run_of(const Domain& domain, const abi::DomainInfo& info);
    // What hv has as that is listed as a domain of its own, which is returned, and `domain` has no run any more.
    Domain& give_away(Domain& domain, EndReason reason);

    // A domain that has been made so.
    static bool is_kept(const Domain& domain);
    // What it needs; also where a process before this one has done that.
    void serve(const Domain& kept);

  private:
    [[nodiscard]] std::string name_for(const Domain& domain);

    Context& context_;
    Domains& domains_;
    TearDown& tear_down_;
};

}  // namespace hvctld
