// How often guests entered hv, by reason, and how long that took at most.
#pragma once

#include <cstdint>

#include "hv/x86/cpu/per_cpu.hpp"

namespace hv::x86 {

inline void count_trap(std::uint8_t vector) {
    if (vector < kExceptions) ++per_cpu().traps[vector];
}
// Counter `index`; false past the end.
bool trap_counter(std::uint32_t index, const char*& name, std::uint64_t& value);
// The longest time with interrupts off of one cause (traps/masked_time.hpp), in nanoseconds; 0 when none was measured.
bool masked_time_counter(std::uint32_t index, const char*& name, std::uint64_t& value);
void dump_masked_times();

}  // namespace hv::x86
