// New microcode while guests run.
#pragma once

#include "hv/x86/microcode/microcode.hpp"

namespace hv::x86 {

// All CPUs, at a standstill, with `file`, which it changes. Errors as choose_microcode(), and Busy: another CPU is at
// it; Io: a CPU did not take it (its revision says so, the log which). Logs what came of it, as on the boot CPU.
Result<> update_microcode(std::span<std::byte> file);

}  // namespace hv::x86
