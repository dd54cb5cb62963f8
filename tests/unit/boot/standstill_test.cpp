// All but the one CPU that works only wait: also the one that asked for the standstill, whose request the others may find before it has
// sent the last of its interrupts.
#include "hv/x86/smp/standstill.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "hv/base/cpu.hpp"
#include "hv/base/spinlock.hpp"

namespace {

hv::CpuSet g_online;
thread_local hv::CpuId g_self = 0;
std::atomic<bool> g_sending{false};

struct Seen {
    int times = 0;
    bool was_sending = false;
};

void look(void* argument) {
    auto& seen = *static_cast<Seen*>(argument);
    ++seen.times;
    seen.was_sending = seen.was_sending || g_sending;
}

}  // namespace

namespace hv {

CpuId current_cpu() {
    return g_self;
}
const CpuSet& online_cpus() {
    return g_online;
}
void spin_pause() {
    std::this_thread::yield();
}
void lock_taken(LockRank, const void*) {}
void lock_released(LockRank, const void*) {}

// The others waited for a lock and see the request at once; the interrupts are only sent afterwards.
void call_on_cpus(const CpuSet& cpus, void (*function)(void*), void* argument) {
    std::vector<std::thread> others;
    std::atomic<std::size_t> called{0};
    g_sending = true;
    for (CpuId cpu = 0; cpu < kMaxCpus; ++cpu) {
        if (cpu == g_self || !cpus.test(cpu)) continue;
        others.emplace_back([&, cpu] {
            g_self = cpu;
            ++called;
            function(argument);
        });
    }
    while (called != others.size()) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
    g_sending = false;
    if (cpus.test(g_self)) function(argument);
    for (std::thread& other : others) other.join();
}

}  // namespace hv

TEST(Standstill, NobodySendsWhileOneWorks) {
    for (const unsigned cpus : {1u, 2u, 5u}) {
        for (hv::CpuId cpu = 0; cpu < cpus; ++cpu) g_online.set(cpu);
        Seen seen;
        hv::x86::at_standstill(look, &seen);
        EXPECT_EQ(seen.times, 1) << cpus;
        EXPECT_FALSE(seen.was_sending) << cpus;
    }
}
