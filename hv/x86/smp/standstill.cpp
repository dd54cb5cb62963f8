#include "hv/x86/smp/standstill.hpp"

#include <atomic>
#include <cstddef>

#include "hv/base/cpu.hpp"
#include "hv/base/spinlock.hpp"

namespace hv::x86 {
namespace {

struct Standstill {
    void (*work)(void*);
    void* argument;
    std::size_t cpus;
    std::atomic<std::size_t> arrived{0};
    std::atomic<bool> over{false};
};

// Two who stop the machine at the same time would wait for each other. The highest rank: it is taken with any lock held.
constinit Spinlock g_lock{LockRank::Console};

// The last one to arrive works. The caller arrives like the others: they may find its request before it has sent the last of its
// interrupts, and who still writes to its local APIC does not stand still.
void arrive(void* argument) {
    auto& standstill = *static_cast<Standstill*>(argument);
    if (standstill.arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == standstill.cpus) {
        standstill.work(standstill.argument);
        standstill.over.store(true, std::memory_order_release);
    }
    // Some CPU may not come before this one has answered it.
    while (!standstill.over.load(std::memory_order_acquire)) spin_pause();
}

}  // namespace

void at_standstill(void (*work)(void*), void* argument) {
    Guard guard{g_lock};
    const CpuSet cpus = online_cpus();
    Standstill standstill{.work = work, .argument = argument, .cpus = cpus.count()};
    call_on_cpus(cpus, arrive, &standstill);
}

}  // namespace hv::x86
