// Debug builds: every CPU remembers what it holds, and taking a lock out of order is a panic.
#include "hv/base/log.hpp"
#include "hv/base/spinlock.hpp"
#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/panic/panic.hpp"

namespace hv {

#ifndef NDEBUG

void lock_taken(LockRank rank, const void* lock) {
    x86::PerCpu& cpu = x86::per_cpu();
    if (x86::panic_started()) return;
    for (std::uint32_t i = 0; i < cpu.held_count; ++i) {
        if (cpu.held[i].lock == lock) panic("lock {} is taken twice", lock);
        // Two of a rank are taken in address order (PairGuard).
        if (cpu.held[i].rank > rank || (cpu.held[i].rank == rank && cpu.held[i].lock > lock))
            panic("lock order: rank {} after rank {}", rank, cpu.held[i].rank);
    }
    HV_ASSERT(cpu.held_count < cpu.held.size());
    cpu.held[cpu.held_count++] = {rank, lock};
}

void lock_released(LockRank, const void* lock) {
    x86::PerCpu& cpu = x86::per_cpu();
    if (x86::panic_started()) return;
    for (std::uint32_t i = 0; i < cpu.held_count; ++i) {
        if (cpu.held[i].lock != lock) continue;
        for (--cpu.held_count; i < cpu.held_count; ++i) cpu.held[i] = cpu.held[i + 1];
        return;
    }
    panic("lock {} is released by a CPU that does not hold it", lock);
}

#else

void lock_taken(LockRank, const void*) {}
void lock_released(LockRank, const void*) {}

#endif

}  // namespace hv
