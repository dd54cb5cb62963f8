// What the processor has learnt about one guest's branches, and another guest.
#pragma once

namespace hv {
class Domain;
}

namespace hv::x86 {

// This CPU is about to run a vCPU of `next`: nothing that another domain has trained steers it (IBPB), where that is at
// work. Does nothing when it ran the same domain last.
void separate_predictions(const Domain& next);

// Other measures are at work on this CPU than before.
void refresh_predictions();

}  // namespace hv::x86
