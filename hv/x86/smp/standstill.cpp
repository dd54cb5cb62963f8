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
    std::size_t others;
    std::atomic<std::size_t> arrived{0};
    std::atomic<bool> over{false};
};

// Two who stop the machine at the same time would wait for each other. The highest rank: it is taken with any lock held.
constinit Spinlock g_lock{LockRank::Console};

// The caller waits in call_on_cpus() all the time, so the last one to arrive works.
void arrive(void* argument) {
    auto& standstill = *static_cast<Standstill*>(argument);
    if (standstill.arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == standstill.others) {
        standstill.work(standstill.argument);
        standstill.over.store(true, std::memory_order_release);
    }
    // Some CPU may not come before this one has answered it.
    while (!standstill.over.load(std::memory_order_acquire)) spin_pause();
}

}  // namespace

void at_standstill(void (*work)(void*), void* argument) {
    Guard guard{g_lock};
    CpuSet others = online_cpus();
    others.clear(current_cpu());
    if (others.empty()) return work(argument);
    Standstill standstill{.work = work, .argument = argument, .others = others.count()};
    call_on_cpus(others, arrive, &standstill);
}

}  // namespace hv::x86
