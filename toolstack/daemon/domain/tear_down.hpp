// Taking a guest down, whoever wants it: from a domain in hv, whole or half-made, to none.
#pragma once

#include <functional>

#include "domain/context.hpp"
#include "domain/domains.hpp"

namespace hvctld {

class TearDown {
  public:
    TearDown(Context& context, Domains& domains) : context_{context}, domains_{domains} {}

    // Afterwards the domain is stopped, for `reason` (None: as it was); `last` when nothing follows. Once the guest has
    // lost its devices the job cannot be called off (Job::shield()).
    void add_phases(Job& job, Domain& domain, EndReason reason, bool last);
    // Takes the guest's devices away.
    static void unplug(Domain& domain);
    // Destroys the domain in hv, and waits for others to let go of its memory.
    Step free(const Domain& domain);

    // The guest is about to be freed: what hv knows of it is there for the last time.
    std::function<void(const Domain&)> on_last_look;

  private:
    void freed(Domain& domain, EndReason reason, bool last);

    Context& context_;
    Domains& domains_;
};

}  // namespace hvctld
