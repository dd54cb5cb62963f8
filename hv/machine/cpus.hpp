// The machine's processors: which there are, what this one runs, and what is asked of others.
#pragma once

#include <cstdint>

#include "hv/base/bitmap.hpp"
#include "hv/base/types.hpp"

namespace hv {

class Domain;
class Vcpu;

CpuId current_cpu();
const CpuSet& online_cpus();  // constant once the machine is up
// VCPUOP_get_physid: APIC id low, ACPI id high.
std::uint64_t physical_id(CpuId cpu);

// The vCPU whose registers this CPU holds (the idle vCPU when none), and its domain.
Vcpu& current_vcpu();
Domain& current_domain();

// Makes `cpu` pass through its return-to-guest work (or leave its idle wait) soon. Does not wait.
void kick_cpu(CpuId cpu);
// Makes `cpu` (this one or another) call schedule() soon: before its next return to a guest, or out of its idle wait.
// Called with run queue locks held; does not wait.
void request_reschedule(CpuId cpu);
// Which of these requests `cpu` has not begun to carry out; 0: none. Another one has another number.
std::uint32_t unanswered_reschedule(CpuId cpu);
// Has `cpu`, this one or another, call time::update_timers() soon, and not from here.
void request_timer_update(CpuId cpu);

// Runs `function(argument)` on every CPU of `cpus` (this one included, when it is a member) and waits until all are
// done. It runs with interrupts off, possibly in the middle of a wait for a lock: it must take no lock itself.
void call_on_cpus(const CpuSet& cpus, void (*function)(void*), void* argument);

}  // namespace hv
