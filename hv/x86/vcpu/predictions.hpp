// What the processor has learnt about one vCPU's branches, and another vCPU.
#pragma once

namespace hv {
class Vcpu;
}

namespace hv::x86 {

// This CPU is about to run `next`: nothing that another vCPU has trained here steers it (IBPB), where that is at work.
// Nor does what it has trained here itself, once it has run elsewhere: its kernel may have had that forgotten there,
// for the next of its programs. Does nothing when this CPU is where it ran last, and it the one that ran here.
void separate_predictions(Vcpu& next);

// Other measures are at work on this CPU than before.
void refresh_predictions();

}  // namespace hv::x86
