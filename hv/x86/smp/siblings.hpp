// Threads that share a core, where only one of each is used (Measure::SiblingsOff).
#pragma once

#include "hv/base/types.hpp"

namespace hv::x86 {

// `cpu` is to be started, and then left alone. It has to be started: a machine check that is told to all threads of a
// socket resets a machine where one does not take it (Intel SDM volume 3, "Machine-Check Architecture").
bool is_to_be_parked(CpuId cpu);

// On the CPU itself: it waits for NMIs and machine checks until the machine goes down.
[[noreturn]] void park_this_cpu();
// All that were parked.
unsigned parked_cpus();

}  // namespace hv::x86
