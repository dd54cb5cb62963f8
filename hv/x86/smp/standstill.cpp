#include "hv/x86/smp/standstill.hpp"

#include <atomic>
#include <cstddef>

#include "hv/base/spinlock.hpp"
#include "hv/machine/cpus.hpp"
#include "hv/time/patience.hpp"
#include "hv/x86/cpu/cpuid.hpp"
#include "hv/x86/smp/cpu_calls.hpp"

namespace hv::x86 {
namespace {

struct Standstill {
    void (*turn)(void*);  // null: only the caller does anything
    void (*work)(void*);
    void* argument;
    CpuSet cpus;
    CpuId caller;
    CpuSet asked_again{};
    Nanoseconds waited = 0;
    std::atomic<std::size_t> arrived{0};  // of the others
    std::atomic<CpuId> whose_turn{kNoCpu};
    std::atomic<bool> over{false};
};

// Two CPUs that stop the machine at the same time would wait for each other. The highest rank, as it is taken with any
// lock held.
constinit Spinlock g_lock{LockRank::Console};

void take_turns(Standstill& standstill) {
    if (!standstill.turn) return;
    for_each_bit(standstill.cpus, [&standstill](CpuId cpu) {
        if (cpu == standstill.caller) return standstill.turn(standstill.argument);
        standstill.whose_turn.store(cpu, std::memory_order_release);
        while (standstill.whose_turn.load(std::memory_order_acquire) == cpu) spin_pause();
    });
}

// The caller begins its work when it has sent all of its interrupts, some of them twice if need be, and the others have
// arrived. Not earlier: while it still writes to its local APIC it does not stand still itself.
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
    take_turns(standstill);
    standstill.work(standstill.argument);
    standstill.over.store(true, std::memory_order_release);
}

void arrive(void* argument) {
    auto& standstill = *static_cast<Standstill*>(argument);
    if (current_cpu() == standstill.caller) return lead(standstill);
    standstill.arrived.fetch_add(1, std::memory_order_acq_rel);
    // Some CPU may not come before this one has answered it.
    while (!standstill.over.load(std::memory_order_acquire)) {
        spin_pause();
        if (standstill.whose_turn.load(std::memory_order_acquire) != current_cpu()) continue;
        standstill.turn(standstill.argument);
        standstill.whose_turn.store(kNoCpu, std::memory_order_release);
    }
    (void)cpuid(0);  // serialises
}

}  // namespace

void at_standstill(void (*work)(void*), void* argument) {
    at_standstill_by_turns(nullptr, work, argument);
}

void at_standstill_by_turns(void (*turn)(void*), void (*work)(void*), void* argument) {
    Standstill standstill{
        .turn = turn, .work = work, .argument = argument, .cpus = online_cpus(), .caller = current_cpu()};
    {
        Guard guard{g_lock};
        call_on_cpus(standstill.cpus, arrive, &standstill);
    }
    note_asked_again(standstill.asked_again, standstill.waited);
}

}  // namespace hv::x86
