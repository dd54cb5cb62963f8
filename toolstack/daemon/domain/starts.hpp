// From a definition to a running guest: the phases of a create, start, restart or reboot job.
#pragma once

#include <memory>

#include "domain/context.hpp"
#include "domain/domains.hpp"
#include "domain/guest_kind.hpp"
#include "domain/tear_down.hpp"
#include "domain/work.hpp"

namespace hvctld {

struct StartOptions {
    bool paused = false;
    bool patient = false;  // no client waits: a registry that cannot be written is waited for as long as it takes
};

class Starts {
  public:
    Starts(Context& context, Domains& domains, Work& work, TearDown& tear_down)
        : context_{context}, domains_{domains}, work_{work}, tear_down_{tear_down} {}

    // Starts a stopped domain from the definition that is remembered; after an end that is under way.
    Result<JobId> start(const std::string& domain, const StartOptions& options);
    // A job that does so. The caller has asked Work::admit().
    JobId begin(Domain& domain, Verb verb, const StartOptions& options);

    void add_phases(Job& job, Domain& domain, const StartOptions& options);
    // For a guest that runs, or is there and paused: only the last word is missing.
    void add_last_phase(Job& job, Domain& domain, bool paused);
    // The guest runs: its definition has proven itself, and what was before is over.
    void started(Domain& domain);

  private:
    static void forget_restarts(Domain& domain);
    using SharedBuild = std::shared_ptr<Build>;
    void add_checks(Job& job, Domain& domain, const SharedBuild& build);
    void add_making(Job& job, Domain& domain, const SharedBuild& build, bool patient);
    void add_running(Job& job, Domain& domain, const StartOptions& options);
    Result<void> create_in_hv(Domain& domain, Build& build);
    Result<void> configure(Domain& domain, const Build& build);
    Step undo(Domain& domain);

    Context& context_;
    Domains& domains_;
    Work& work_;
    TearDown& tear_down_;
};

}  // namespace hvctld
