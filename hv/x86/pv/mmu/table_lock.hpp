// Holding a frame as the page table that it is, while entries of it change.
#pragma once

#include "hv/base/result.hpp"
#include "hv/memory/frame.hpp"

namespace hv::x86 {

// Locks a frame that is a validated page table now, and keeps it one: takes a type reference and the
// entry lock. The caller holds a general reference. None when it is no page table at present.
// Error::Restart: another CPU holds the lock for long.
Result<FrameType> lock_table(FrameInfo& info);
// After an L2, L3 or L4 table the current vCPU may have unfinished work (entry_update.hpp).
void unlock_table(FrameInfo& info);

// For L1 tables alone, which are never locked for long and whose undoing is short. So a caller that cannot be preempted
// may use it, too. Error::BadArgument when the frame is none; Error::Restart (Preemption::Allowed): many other CPUs
// want it.
Result<> lock_l1_table(FrameInfo& info, Preemption preemption);

}  // namespace hv::x86
