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

// This CPU, with what choose_microcode() found, the patch 16-byte aligned. A CPU that does not like it goes on with
// what it has: its revision says so.
void load_microcode(const MicrocodeUpdate& update);
// What a refusal of choose_microcode() means.
const char* why_no_microcode(Error error);
// Once new microcode is loaded, on the boot CPU alone or at a standstill: what the processor says of itself is read
// again, and what is done against leaks decided again. set_processor_switches() then, on each CPU.
void look_again_at_processor();

// This CPU's revision.
std::uint32_t read_microcode_revision();
// A CPU's, as it was found when microcode was last loaded there, or when it started.
std::uint32_t microcode_revision(CpuId cpu);
// This CPU, for choose_microcode().
MicrocodeTarget microcode_target();

}  // namespace hv::x86
