// What the processors keep of memory beside it: translations and cache lines.
#pragma once

#include <cstdint>

#include "hv/base/types.hpp"

namespace hv {

// TLB clock: advances with every flush of a whole TLB; a CPU whose last flush is not older than a stamp holds nothing
// from before it.
std::uint32_t tlb_clock();
// Flushes the TLBs that have not been flushed since `stamp`: of CPUs that ran `owner`, which alone may have mapped the
// frame, or of all CPUs (always for kOwnerNone). True: it has waited for other CPUs to do so.
bool flush_stale_tlbs(DomainId owner, std::uint32_t stamp);

// Writes back and drops every cache line of the frame, on all CPUs.
void flush_frame_from_caches(Mfn frame);

}  // namespace hv
