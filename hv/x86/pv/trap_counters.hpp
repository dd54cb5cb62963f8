// How often guests entered hv, by reason.
#pragma once

#include <cstdint>

#include "hv/x86/cpu/per_cpu.hpp"

namespace hv::x86 {

inline void count_trap(std::uint8_t vector) {
    if (vector < kExceptions) ++per_cpu().traps[vector];
}
// Counter `index`; false behind the last.
bool trap_counter(std::uint32_t index, const char*& name, std::uint64_t& value);

}  // namespace hv::x86
