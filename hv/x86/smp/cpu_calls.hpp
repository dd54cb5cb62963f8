// Calls between CPUs: call_on_cpus() (hv/machine/cpus.hpp). No machine here: the interrupt that tells a
// CPU of a call is a seam, and may get lost.
#pragma once

#include <atomic>
#include <cstdint>

#include "hv/machine/cpus.hpp"

namespace hv::x86 {

// What each CPU has for it: which CPUs have a call for it, and the one call that it may have for others.
struct CallPost {
    AtomicCpuSet callers;
    void (*function)(void*) = nullptr;
    void* argument = nullptr;
    std::atomic<std::uint32_t> pending{0};  // CPUs that have not done it yet
};

// Seams.
CallPost& call_post(CpuId cpu);
void announce_call(CpuId cpu);  // has it call answer_calls() soon, by an interrupt or when it next waits

// Does what others want of this CPU.
void answer_calls();
// This CPU waits for those of `cpus` that it called. Those that have not begun are told again, and returned.
CpuSet announce_again(const CpuSet& cpus);

}  // namespace hv::x86
