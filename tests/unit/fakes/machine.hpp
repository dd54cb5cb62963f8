// A machine for the parts of hv that know none: CPUs that the test drives, a clock that it sets, RAM from the host, and
// guests whose virtual addresses are host addresses.
//
// A test is on one CPU at a time (each thread has its own); hv's requests to other CPUs are noted and carried out by
// settle(). Lock ranks are always checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "hv/domain/domain.hpp"
#include "hv/hypercall/hypercall.hpp"
#include "hv/machine/cpus.hpp"
#include "hv/memory/frame.hpp"

namespace fake {

inline constexpr std::uint32_t kCpus = 8;

// Once per process; all others call it.
void boot();

void on_cpu(hv::CpuId cpu);        // this thread, from now on
void set_current(hv::Vcpu& vcpu);  // on this thread's CPU, behind the scheduler's back
void set_now(hv::Nanoseconds now);
hv::Nanoseconds now();

// The privileged domain, made at the first call; and others, unpaused, with all vCPUs initialised, the first one up.
hv::Domain& dom0();
hv::Domain& make_domain(std::uint32_t vcpus = 1);
hv::Domain& make_domain(const hv::abi::control::CreateDomain& config);
hv::Domain& make_linear_domain(std::uint32_t vcpus);  // page tables may name others of their level
void bring_up(hv::Vcpu& vcpu);
void destroy_all();                // but dom0; fails the process when one cannot be destroyed
bool destroy(hv::Domain& domain);  // repeats until it is done; false when its frames are still referred to

// Carries out what hv asked of CPUs: reschedules and timer updates, until nothing is left.
void settle();
// Runs the machine until `end`: timers fire when they are due.
void run_until(hv::Nanoseconds end);
hv::Vcpu& running_on(hv::CpuId cpu);
std::uint64_t timer_interrupts(hv::CpuId cpu);

// A machine whose timers are not to be trusted: each interrupt comes earlier or later by up to this much, and one in so
// many (0: none) is lost, as is one in so many requests to other CPUs to look at their timers, or to reschedule.
struct TimerFaults {
    unsigned lose_interrupt = 0;
    unsigned lose_update = 0;
    unsigned lose_kick = 0;
    hv::Nanoseconds early = 0;
    hv::Nanoseconds late = 0;
};
void set_timer_faults(const TimerFaults& faults);

// Memory.
inline constexpr std::uint64_t kFirstHighFrame = std::uint64_t{1} << 20;  // out of reach for 32-bit devices
inline constexpr std::uint64_t kHighFrames = 1024;
void add_high_memory();                 // once per process; the machine has none otherwise
hv::Mfn give_page(hv::Domain& domain);  // a fresh frame that it owns
void* page(hv::Mfn frame);
void restrict_guest_memory(void* base, std::size_t size);  // only this is mapped in the guest; null lifts it
// preemption_needed() says yes every `interval` calls; 0: never.
void preempt_every(unsigned interval);
void preempt_as(std::function<bool()> decide);  // as it likes, until the next preempt_every()
std::uint64_t pauses();                         // how often CPUs waited for another in spin_pause()

std::int64_t hypercall(hv::HypercallHandler handler, std::uint64_t a = 0, std::uint64_t b = 0, std::uint64_t c = 0);
template <class T>
std::uint64_t address(T& object) {
    return reinterpret_cast<std::uintptr_t>(&object);
}

// The page-table entries that grants were mapped by: address -> frame.
struct Mapping {
    hv::Mfn frame;
    bool readonly;
    hv::DomainId domain;  // whose page table
};
const Mapping* mapping_at(std::uint64_t address);
void release_mappings(hv::Domain& domain);     // all of its handles, for a domain that lives on
void guest_overwrites(std::uint64_t address);  // as an mmu_update of the guest's would
void refuse_mappings(bool refuse);
std::uint64_t grant_flushes();

// hv's console: what is in its log's ring; what Dom0 wrote, and how often the devices will not take it yet.
void set_log(std::string text);
std::string take_console();
void keep_console_busy(unsigned times);

// Physical interrupts that are routed now.
bool pirq_bound(std::uint32_t pirq);
void fail_pirq(bool fail);

}  // namespace fake
