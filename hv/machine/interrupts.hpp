// Physical interrupts that become events of guests.
#pragma once

#include <cstdint>

#include "hv/base/result.hpp"
#include "hv/base/types.hpp"

namespace hv {

class Domain;
class Vcpu;

// Routes the physical interrupt behind `pirq` to the vCPU's domain: from now on it calls send_pirq_event(). Called with
// the port's lock held. Errors: NotPermitted, BadArgument (no such pirq), Busy (taken, and not shared).
Result<> pirq_guest_bind(Vcpu& vcpu, std::uint32_t pirq, bool share);
// The end of that. Called with the port's lock held, which a send_pirq_event() under way on another CPU may be waiting
// for (it finds the port closed then): must not wait for that.
void pirq_guest_unbind(Domain& domain, std::uint32_t pirq);
// The port's events go to another vCPU: the interrupt should follow it.
void pirq_guest_move(Vcpu& vcpu, std::uint32_t pirq);

}  // namespace hv
