// Holding a frame as the page table that it is, while entries of it change.
#pragma once

#include "hv/memory/frame.hpp"

namespace hv::x86 {

// Locks a frame that is a validated page table now, and keeps it one: takes a type reference and the entry lock. The
// caller holds a general reference. None when it is no page table at present.
FrameType lock_table(FrameInfo& info);
// The current vCPU may have unfinished work afterwards (entry_update.hpp).
void unlock_table(FrameInfo& info);

}  // namespace hv::x86
