// Keeps what the processor has learnt about the branches of one vCPU from steering another.
#pragma once

namespace hv {
class Vcpu;
}

namespace hv::x86 {

// Called when this CPU is about to run the vCPU `next`. Where the measure is at work, the processor then forgets its
// predictions (IBPB), so that nothing that another vCPU has trained here steers `next`. Its own training is forgotten
// as well if it has run on another CPU since: its kernel may have asked for a barrier there, between two of its
// programs, and that has not reached this CPU. Does nothing when `next` ran last on this CPU, and was the last vCPU to
// run here.
void separate_predictions(Vcpu& next);

// To be called on a CPU when other measures are at work than before.
void refresh_predictions();

}  // namespace hv::x86
