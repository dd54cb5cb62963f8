// Run states: how long each vCPU ran, waited for a CPU (steal), was blocked, and was offline.
#pragma once

#include "hv/abi/xen/vcpu.hpp"
#include "hv/base/result.hpp"
#include "hv/base/types.hpp"

namespace hv {

class Domain;
class Vcpu;

// At creation, with the vCPU offline from `now` on.
void runstate_init(Vcpu& vcpu, Nanoseconds now);
// The scheduler tells each change; time up to `now` goes to the state before. Takes runstate_lock.
void runstate_change(Vcpu& vcpu, abi::xen::RunstateKind state, Nanoseconds now);
// The state of a vCPU that does not run: blocked or offline, from its flags.
abi::xen::RunstateKind runstate_when_out(const Vcpu& vcpu);

// A snapshot; the current state's time runs up to `now`.
abi::xen::VcpuRunstateInfo runstate_snapshot(Vcpu& vcpu, Nanoseconds now);
Nanoseconds vcpu_run_time(Vcpu& vcpu);  // for DomainInfo::cpu_time_ns

// Writes the registered area of the vCPU that runs here; x86 calls it after each switch to the vCPU, with the vCPU's
// address space loaded. False when the area could not be written now (user page tables): call again when the vCPU
// enters its kernel. True when there is nothing (more) to do.
bool runstate_publish(Vcpu& current);

}  // namespace hv
