// Interrupts between CPUs, and TLBs. kick_cpu() and call_on_cpus() (cpu_calls.cpp) are in hv/machine/cpus.hpp.
#pragma once

#include <cstdint>

#include "hv/machine/cpus.hpp"

namespace hv::x86 {

// Flush on the CPUs of a set, this one included when it is a member; wait until it is done.
void flush_tlb(const CpuSet& cpus);  // everything that is not global: all of the guests'
void flush_tlb_page(const CpuSet& cpus, std::uint64_t address);

// This CPU only.
void flush_local_tlb();
void load_cr3(std::uint64_t cr3);  // switches address spaces, which flushes

// The TLB clock (hv/machine/tlb.hpp): take tlb_clock() when a mapping has gone; a CPU holds nothing of it once
// it has flushed later than that.
std::uint32_t tlb_flushed_at(CpuId cpu);
// Of `cpus`, those that have not flushed since `stamp`.
CpuSet stale_cpus(const CpuSet& cpus, std::uint32_t stamp);

void send_nmi(CpuId cpu);
void send_nmi_to_others();
void mark_online(CpuId cpu);

// Answers what others asked of this CPU (spin_pause and the interrupt both end here).
void answer_requests();

}  // namespace hv::x86
