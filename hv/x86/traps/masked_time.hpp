// How long CPUs are in hv, where interrupts are off, by what brought them there. Measured only when asked for (the
// command line, a debug key): it takes two readings of the TSC per entry.
#pragma once

#include <cstdint>

#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/cpu/registers.hpp"

namespace hv::x86 {

// What can bring a CPU into hv: a hypercall by number, an exception by vector, and the rest.
inline constexpr std::uint32_t kCallCauses = 64;
inline constexpr std::uint32_t call_cause(std::uint64_t number) {
    return number < kCallCauses ? static_cast<std::uint32_t>(number) : kCallCauses - 1;  // the last one is none
}
inline constexpr std::uint32_t kExceptionCauses = kCallCauses;
inline constexpr std::uint32_t kSystemCallCause = kExceptionCauses + kExceptions;
inline constexpr std::uint32_t kInterruptCause = kSystemCallCause + 1;
inline constexpr std::uint32_t kMaskedCauses = kInterruptCause + 1;

// On every way in. The first one counts: an interrupt or exception in hv itself prolongs what is going on.
inline void masked_time_begins(std::uint32_t cause) {
    CpuWork& work = per_cpu().work;
    if (!work.timed.load(std::memory_order_relaxed) || work.entered_at != 0) [[likely]]
        return;
    work.entered_at = read_tsc();
    work.entered_by = cause;
}

void note_masked_time(CpuWork& work);

// On every way out: to a guest, and before a CPU sleeps.
inline void masked_time_ends() {
    CpuWork& work = per_cpu().work;
    if (work.entered_at != 0) [[unlikely]]
        note_masked_time(work);
}

// From now on, on all CPUs, with nothing measured yet.
void measure_masked_time();
// The longest time of that cause on any CPU, in nanoseconds; 0: none was measured.
std::uint64_t longest_masked_time(std::uint32_t cause);

}  // namespace hv::x86
