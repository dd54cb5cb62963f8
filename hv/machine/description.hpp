// What the control interface asks the machine about itself.
#pragma once

#include <cstdint>
#include <string_view>

#include "hv/abi/control/host.hpp"
#include "hv/base/types.hpp"

namespace hv {

// Features, clock, CPU counts and names; the memory fields are the caller's.
void describe_machine(abi::control::GetHostInfo& info);
// Text::Leaks, Mitigations or OpenLeaks.
std::string_view leak_text(abi::control::Text which);
// False past the last CPU.
bool describe_cpu(CpuId cpu, abi::control::CpuInfo& info);
// Counter `index` of the processor's part (traps); false past the end.
bool machine_counter(std::uint32_t index, const char*& name, std::uint64_t& value);
// The longest time that a CPU had interrupts off for cause `index`; 0 when none was measured, false past the end.
bool masked_time(std::uint32_t index, const char*& name, std::uint64_t& nanoseconds);

}  // namespace hv
