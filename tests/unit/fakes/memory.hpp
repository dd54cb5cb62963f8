#pragma once

namespace fake {

// Hands the host's memory to hv's allocator, as the boot code does with RAM.
void add_memory();

}  // namespace fake
