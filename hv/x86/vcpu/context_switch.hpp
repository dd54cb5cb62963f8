// Putting one vCPU's state away and loading another's.
#pragma once

#include "hv/x86/traps/trap_frame.hpp"

namespace hv {
class Domain;
class Vcpu;
}  // namespace hv

namespace hv::x86 {

// On the CPU that ran it. `frame` holds its registers.
void save_vcpu(Vcpu& vcpu, const TrapFrame& frame);
// Everything but the general registers, which go into `frame`: this CPU's way out to the guest.
void load_vcpu(Vcpu& vcpu, TrapFrame& frame);

// What others wanted of this CPU: due timers, and the scheduler, to switch if it says so. Returns with the registers of
// the vCPU that runs now in this CPU's frame; does not return when that is the idle vCPU.
void do_cpu_work(TrapFrame& frame);

// A new entry by the guest: preemption_needed() counts its time from now on.
void begin_preemptible_work();

// This CPU, which has nothing to do, goes on hv's own page table if it is on a guest's.
void leave_address_space();

// Bring-up: this CPU's idle vCPU, before it schedules.
void start_scheduling(CpuId cpu);

}  // namespace hv::x86
