// The clock that guests read from their shared pages (pvclock).
#pragma once

namespace hv {
class Domain;
class Vcpu;
}  // namespace hv

namespace hv::x86 {

// On the CPU that runs the vCPU: its VcpuTimeInfo, and the second place that it registered.
void update_guest_clock(Vcpu& vcpu);
// The wall clock in the shared info page.
void update_wallclock(Domain& domain);

}  // namespace hv::x86
