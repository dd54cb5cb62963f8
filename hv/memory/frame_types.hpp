// Types of frames whose contents are checked. Implemented by hv/domain/frame_types.cpp, which asks the owner's kind of
// guest, and in the tests.
#pragma once

#include <cstdint>

#include "hv/memory/frame.hpp"

namespace hv {

// Check a page table's (or descriptor page's) entries and take the references that they stand for, or give a
// page table's back; `info.progress` carries on after Error::Restart, which descriptor pages never return. After any
// other error the first `info.progress` entries hold references still: the caller invalidates.
Result<> validate_frame(FrameInfo& info, FrameType type);
// `within` comes from finish_partial(). Bit n is set when the way here went through an entry of a table of level n that
// names a table of its own level.
Result<> invalidate_frame(FrameInfo& info, FrameType type, std::uint8_t within);

}  // namespace hv
