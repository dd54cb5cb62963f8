// Event channels of a test kernel in the two-level ABI: upcalls count per port, nothing else happens.
#pragma once

#include "tests/guest/lib/hypercall.hpp"

namespace guest {

// Failure is reported as a negated errno in the result, else it is the port.
long bind_virq(Virq virq, u32 vcpu = 0);
long bind_ipi(u32 vcpu);
long alloc_unbound(u16 domid, u16 remote);
long bind_interdomain(u16 remote, u32 port);
long close_port(u32 port);
long send(u32 port);
long unmask(u32 port);
long port_status(u32 port, EventChannelStatus& status);

bool port_pending(u32 port);
void clear_pending(u32 port);
void mask_port(u32 port);
bool port_masked(u32 port);

// How often an upcall found the port pending.
u64 upcall_count(u32 port);
u64 last_upcall_vcpu(u32 port);
void handle_upcall();

// This vCPU's interrupt flag, as PV guests have it.
void enable_events();
void disable_events();

// Blocks with events enabled until `port` was seen by an upcall more than `seen` times.
void wait_for_upcall(u32 port, u64 seen);

u64 system_time();  // pvclock of this vCPU, nanoseconds

}  // namespace guest
