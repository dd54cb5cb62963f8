#include "hv/x86/smp/standstill.hpp"

#include <atomic>
#include <cstddef>

#include "hv/base/spinlock.hpp"
#include "hv/machine/cpus.hpp"
#include "hv/time/patience.hpp"
#include "hv/x86/smp/cpu_calls.hpp"

namespace hv::x86 {
namespace {

struct Standstill {
    void (*work)(void*);
    void* argument;
    CpuSet cpus;
    CpuId caller;
    CpuSet asked_again{};
    Nanoseconds waited = 0;
    std::atomic<std::size_t> arrived{0};  // of the others
    std::atomic<bool> over{false};
};

// Two who stop the machine at the same time would wait for each other. The highest
// rank: it is taken with any lock held.
constinit Spinlock g_lock{LockRank::Console};

// The caller works, once it has sent all of its interrupts, some of them twice if need be, and the others have arrived:
// who still writes to its local APIC does not stand still.
void lead(Standstill& standstill) {
    const std::size_t others = standstill.cpus.count() - 1;
    Patience patience;
    while (standstill.arrived.load(std::memory_order_acquire) != others) {
        spin_pause();
        if (!patience.over()) [[likely]]
            continue;
        standstill.asked_again = announce_again(standstill.cpus);
        standstill.waited = patience.waited();
    }
    standstill.work(standstill.argument);
    standstill.over.store(true, std::memory_order_release);
}

void arrive(void* argument) {
    auto& standstill = *static_cast<Standstill*>(argument);
    if (current_cpu() == standstill.caller) return lead(standstill);
    standstill.arrived.fetch_add(1, std::memory_order_acq_rel);
    // Some CPU may not come before this one has answered it.
    while (!standstill.over.load(std::memory_order_acquire)) spin_pause();
}

}  // namespace

void at_standstill(void (*work)(void*), void* argument) {
    Standstill standstill{.work = work, .argument = argument, .cpus = online_cpus(), .caller = current_cpu()};
    {
        Guard guard{g_lock};
        call_on_cpus(standstill.cpus, arrive, &standstill);
    }
    note_asked_again(standstill.asked_again, standstill.waited);
}

}  // namespace hv::x86
