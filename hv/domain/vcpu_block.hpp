// Waiting for events.
#pragma once

namespace hv {

class Vcpu;

// SCHEDOP_block, and HLT of a PV kernel: lets events in, and stops the current vCPU until one is delivered to it,
// unless one is deliverable already. Returns at once: the switch happens before the return to the guest.
void vcpu_block(Vcpu& current);

}  // namespace hv
