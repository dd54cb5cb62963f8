// The scheduler: which vCPU runs where, and for how long.
//
// Every CPU has a run queue with a lock of its own; a CPU never holds two of them. A vCPU's time is counted as virtual
// time, which passes the slower the more its domain weighs and the fewer of its vCPUs are active; the waiting vCPU with
// the least virtual time runs next. A domain with a reservation goes first while it has not had what was promised, one
// with a cap is parked when it has had what it may.
//
//   wake          an idle CPU if affinity allows one (the last CPU, soft, hard), else the least loaded of a few; a
//                 sleeper comes back a little ahead of the queue, never by more than it left unused, and preempts from
//                 there
//   run           up to kSlice while others wait, at least kRateLimit; without others no timer runs at all
//   idle          takes the waiting vCPU that is furthest behind from a loaded CPU
//   balance       a CPU on which vCPUs wait hands the one furthest behind to a CPU that is ahead, so that shares hold
//                 across CPUs and not only within one
//
// Protocol with the machine, on each CPU, with interrupts off:
//   Vcpu& next = schedule(cpu, time::now());
//   if (&next != previous) { save previous's registers; sched_context_saved(*previous); load next's }
#pragma once

#include <cstdint>

#include "hv/abi/control/sched.hpp"
#include "hv/base/bitmap.hpp"
#include "hv/base/result.hpp"
#include "hv/base/types.hpp"
#include "hv/sched/sched_vcpu.hpp"

namespace hv {

class Domain;
class Vcpu;

inline constexpr Nanoseconds kSlice = 10'000'000;
inline constexpr Nanoseconds kRateLimit = 1'000'000;

// Per CPU at bring-up, before it schedules: `idle` is what runs when nothing else does. It must not be added.
void sched_init_cpu(CpuId cpu, Vcpu& idle);

// Per domain: before its vCPUs are added; and when they have stopped, before they are removed.
void sched_init_domain(Domain& domain);
void sched_destroy_domain(Domain& domain);

// Makes a vCPU known; sched_wake() starts it. Removing waits until its registers are saved; it must not be runnable.
Result<> sched_add_vcpu(Vcpu& vcpu);
void sched_remove_vcpu(Vcpu& vcpu);

// On `cpu` itself. Accounts the current vCPU, picks the one that runs now, marks it running and arms the slice timer.
// Returns the current one when nothing changes.
Vcpu& schedule(CpuId cpu, Nanoseconds now);
// `previous` may run elsewhere from now on: `running` becomes false, and it is queued again if it is runnable.
void sched_context_saved(Vcpu& previous);

// After a change of what Vcpu::runnable() looks at. Wake does nothing when it is not runnable after all, sleep nothing
// when it is. sched_sleep() does not wait: the vCPU may still run until `running` is false.
void sched_wake(Vcpu& vcpu);
void sched_sleep(Vcpu& vcpu);
// The current vCPU lets others go first, once.
void sched_yield(Vcpu& vcpu);

// Affinity. A null set stays as it is. BadArgument: the hard set has no online CPU; Busy: pinned by
// SCHEDOP_pin_override. A vCPU that runs where it may not is moved soon.
Result<> sched_set_affinity(Vcpu& vcpu, const CpuSet* hard, const CpuSet* soft);
void sched_get_affinity(Vcpu& vcpu, CpuSet& hard, CpuSet& soft);
// SCHEDOP_pin_override: runs on `cpu` only, until kNoCpu restores the set before. BadArgument: no such CPU; Busy: it is
// pinned already; NoEntry: it is not.
Result<> sched_pin_override(Vcpu& vcpu, CpuId cpu);

// Shares. BadArgument: out of range; NoSpace: reservations would exceed the machine.
Result<> sched_set_parameters(Domain& domain, const abi::control::SchedParameters& parameters);
void sched_get_parameters(Domain& domain, abi::control::SchedParameters& parameters);

// Debug key: every CPU's run queue.
void dump_run_queues();

}  // namespace hv
