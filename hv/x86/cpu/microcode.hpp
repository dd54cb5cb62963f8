// The microcode of this machine's processors.
#pragma once

#include "hv/base/types.hpp"
#include "hv/x86/microcode/microcode.hpp"

namespace hv::x86 {

// Boot CPU, once, when traps are served and before other CPUs start: what ucode= names, if anything. What the processor
// says of itself is read again, and what is done against leaks decided again. Logs what came of it.
void load_boot_microcode();
// Every other CPU, as it starts.
void load_boot_microcode_here();

// All CPUs, at a standstill, with `file`, which it changes. Errors as choose_microcode(), and Busy: somebody else is at
// it; Io: a CPU did not take it (its revision says so, the log which). Logs what came of it, as on the boot CPU.
Result<> update_microcode(std::span<std::byte> file);

// This CPU's revision.
std::uint32_t read_microcode_revision();
// A CPU's, as it was found when microcode was last loaded there, or when it started.
std::uint32_t microcode_revision(CpuId cpu);
// This CPU, for choose_microcode().
MicrocodeTarget microcode_target();

}  // namespace hv::x86
