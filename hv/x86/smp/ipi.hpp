// Interrupts between CPUs. kick_cpu() and call_on_cpus() are in hv/base/cpu.hpp.
#pragma once

#include <cstdint>

#include "hv/base/cpu.hpp"

namespace hv::x86 {

// Flushes TLBs and waits. `cpus` may contain this CPU.
void flush_tlb(const CpuSet& cpus);                                   // everything, global entries too
void flush_tlb_page(const CpuSet& cpus, std::uint64_t address);
// This CPU only; both advance its stamp where they flush everything.
void flush_local_tlb();
void load_cr3(std::uint64_t cr3);

// The stamp of a CPU's last whole flush. Compare with a tlb_clock() value taken when a mapping went away: a CPU whose stamp
// is at or after it has no stale entry. The clock wraps after 2^32 flushes; a stamp of 0 is never "after".
std::uint32_t tlb_flushed_at(CpuId cpu);
// Of `cpus`, those that have not flushed since `stamp`.
CpuSet stale_cpus(const CpuSet& cpus, std::uint32_t stamp);

void send_nmi_to_others();
void send_nmi(CpuId cpu);

// Answers what others asked of this CPU (spin_pause and the interrupt both end here).
void answer_requests();

}  // namespace hv::x86
