// Taking a guest down, for whatever reason: from a domain in hv, whole or half-made, to none.
#pragma once

#include <functional>

#include "domain/context.hpp"
#include "domain/domains.hpp"

namespace hvctld {

class TearDown {
  public:
    static constexpr std::uint64_t kFreePatienceMs = 120'000;  // of the client that has asked for it

    TearDown(Context& context, Domains& domains) : context_{context}, domains_{domains} {}

    // Afterwards the domain is stopped, for `reason` (None: as it was); `last` when nothing follows. Once the guest has
    // lost its devices the job cannot be called off (Job::shield()).
    void add_phases(Job& job, Domain& domain, EndReason reason, bool last, std::uint64_t patience_ms = kFreePatienceMs);
    // Takes the guest's devices away.
    static void unplug(Domain& domain);
    // Destroys the domain in hv, and waits that long for others to let go of its memory.
    Step free(const Domain& domain, std::uint64_t patience_ms = kFreePatienceMs);
    // hv has nothing of the domain any more, or what it has is another's now; `last` and `reason` as above.
    void freed(Domain& domain, EndReason reason, bool last);

    // What is said of a domain that has ended while something in Dom0 still has memory of it.
    static std::string held(DomainId domain);

    // The guest is about to be freed: what hv knows of it is there for the last time.
    std::function<void(const Domain&)> on_last_look;

  private:
    Context& context_;
    Domains& domains_;
};

}  // namespace hvctld
