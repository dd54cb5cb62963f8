// How often guests entered hv, by reason.
#pragma once

#include <cstdint>

namespace hv::x86 {

void count_trap(std::uint8_t vector);
// Counter `index`; false behind the last.
bool trap_counter(std::uint32_t index, const char*& name, std::uint64_t& value);

}  // namespace hv::x86
