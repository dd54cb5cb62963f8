// What happens when a frame's last reference goes.
#pragma once

#include <cstdint>

#include "hv/memory/frame.hpp"

namespace hv {

// `before` is the count word as it was with the last reference.
void last_reference_gone(FrameInfo& info, std::uint64_t before);

}  // namespace hv
