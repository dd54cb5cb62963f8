// What the frame layer needs from the processor's page-table code.
#pragma once

#include <cstdint>

#include "hv/memory/frame.hpp"

namespace hv {

// Seams. Check a page table's (or descriptor page's) entries and take the references that they stand for, or give a
// page table's back; `info.progress` carries on after Error::Restart, which descriptor pages never return. After any
// other error the first `info.progress` entries hold references still: the caller invalidates.
Result<> validate_frame(FrameInfo& info, FrameType type);
// `within` comes from finish_partial: bit n is set when a table of level n is being gone on with whose
// entry led here, by one of its own level.
Result<> invalidate_frame(FrameInfo& info, FrameType type, std::uint8_t within);

// TLB clock: advances with every flush of a whole TLB; a CPU whose last flush is not older than a stamp holds nothing
// from before it.
std::uint32_t tlb_clock();
// Flushes the TLBs that have not been flushed since `stamp`: of CPUs that ran `owner`, which alone may have mapped the
// frame, or of all CPUs (always for kOwnerNone).
void flush_stale_tlbs(DomainId owner, std::uint32_t stamp);

// Writes back and drops every cache line of the frame, on all CPUs.
void flush_frame_from_caches(Mfn frame);

}  // namespace hv
