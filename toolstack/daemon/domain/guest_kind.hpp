// What differs between kinds of guests when one is started: `type:` in the definition chooses. Everything else in
// domain/ is the same for all.
#pragma once

#include <memory>
#include <string>

#include "config/definition.hpp"
#include "domain/context.hpp"

namespace hvctld {

// Where the guest's own part of the store and its first console are, whichever kind it is: its frames, and its ports,
// which Dom0 binds to.
struct GuestRings {
    hvctl::Mfn store, console;
    EventPort store_port, console_port;
};

// What one start carries from phase to phase. The pool's thread has it to itself while its phase runs.
struct Build {
    std::string name;
    config::DomainDefinition definition;
    DomainId domid;
    GuestRings rings;  // known when the kind's phases are over
};

class GuestKind {
  public:
    virtual ~GuestKind() = default;

    // What hv is asked to create.
    [[nodiscard]] virtual abi::DomainType type() const = 0;
    // Its part of a start: from a domain in hv that has nothing but a claim on its memory to a guest that could run.
    virtual void add_build_phases(Job& job, Context& context, const std::shared_ptr<Build>& build) const = 0;
    // Whether these phases would find the guest's files good. Blocks: for the thread pool.
    virtual Result<void> check_images(Hypervisor& hypervisor, const config::DomainDefinition& definition) const = 0;
};

// Null for a kind that this version does not serve.
const GuestKind* guest_kind(config::DomainType type);

}  // namespace hvctld
