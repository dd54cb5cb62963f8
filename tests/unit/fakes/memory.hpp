#pragma once

#include <cstdint>

namespace fake {

inline constexpr std::uint64_t kRamFrames = 8192;  // from 0 on, the first 16 of them without an owner

// Hands the host's memory to hv's allocator, as the boot code does with RAM.
void add_memory();

}  // namespace fake
