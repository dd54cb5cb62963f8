// Sleepers come back quickly, but not by cheating; run states add up.
#include <gtest/gtest.h>

#include "tests/unit/sched/simulation.hpp"

namespace {

class Latency : public sim::Machine {};
class Runstate : public sim::Machine {};

using sim::first_cpus;
using sim::hogs;
using sim::kMillisecond;

void block(hv::Vcpu& vcpu) {
    vcpu.flags.fetch_or(hv::kVcpuBlocked);
    hv::sched_sleep(vcpu);
    fake::settle();
}

// Wakes `vcpu` every `period` and lets it run for `work` before it sleeps again. Returns the longest wait for a CPU.
hv::Nanoseconds pulse(hv::Vcpu& vcpu, hv::Nanoseconds period, hv::Nanoseconds work, int rounds) {
    hv::Nanoseconds worst = 0;
    for (int i = 0; i < rounds; ++i) {
        const hv::Nanoseconds woken = fake::now();
        const hv::Nanoseconds ran = hv::vcpu_run_time(vcpu);
        vcpu.unblock();
        fake::settle();
        while (!vcpu.running.load()) fake::run_until(fake::now() + kMillisecond / 10);
        worst = std::max(worst, fake::now() - woken);
        while (hv::vcpu_run_time(vcpu) - ran < work) fake::run_until(fake::now() + kMillisecond / 10);
        block(vcpu);
        fake::run_until(std::max(fake::now(), woken + period));
    }
    return worst;
}

TEST_F(Latency, SleeperPreemptsHogs) {
    const auto cpus = first_cpus(1);
    for (int i = 0; i < 3; ++i) hogs({.hard = cpus});
    hv::Vcpu& sleeper = *hogs({.hard = cpus}).vcpu(hv::VcpuId{0});
    block(sleeper);
    fake::run_until(fake::now() + 100 * kMillisecond);
    EXPECT_LE(pulse(sleeper, 20 * kMillisecond, kMillisecond / 2, 100), 2 * kMillisecond);
}

TEST_F(Latency, SleepingNowAndThenEarnsNothing) {
    const auto cpus = first_cpus(1);
    hv::Domain& hog = hogs({.hard = cpus});
    hv::Domain& cheat = hogs({.hard = cpus});
    block(*cheat.vcpu(hv::VcpuId{0}));
    fake::run_until(fake::now() + 100 * kMillisecond);
    const double before_hog = sim::run_time(hog);
    const double before_cheat = sim::run_time(cheat);
    pulse(*cheat.vcpu(hv::VcpuId{0}), 0, 9 * kMillisecond, 200);
    const double hog_time = sim::run_time(hog) - before_hog;
    const double cheat_time = sim::run_time(cheat) - before_cheat;
    EXPECT_LT(cheat_time, 1.3 * hog_time);
}

TEST_F(Latency, YieldLetsOthersRun) {
    const auto cpus = first_cpus(1);
    hv::Domain& a = hogs({.hard = cpus});
    hv::Domain& b = hogs({.hard = cpus});
    fake::run_until(fake::now() + 55 * kMillisecond);
    hv::Vcpu& running = a.vcpu(hv::VcpuId{0})->running.load() ? *a.vcpu(hv::VcpuId{0}) : *b.vcpu(hv::VcpuId{0});
    hv::Vcpu& waiting = a.vcpu(hv::VcpuId{0})->running.load() ? *b.vcpu(hv::VcpuId{0}) : *a.vcpu(hv::VcpuId{0});
    hv::sched_yield(running);
    fake::settle();
    EXPECT_TRUE(waiting.running.load());
    EXPECT_FALSE(running.running.load());
}

TEST_F(Runstate, AddsUpToTheTimeThatPassed) {
    const auto cpus = first_cpus(1);
    hv::Domain& a = hogs({.hard = cpus});
    hv::Domain& b = hogs({.hard = cpus});
    const hv::Nanoseconds start = fake::now();
    std::array<hv::abi::xen::VcpuRunstateInfo, 2> before{hv::runstate_snapshot(*a.vcpu(hv::VcpuId{0}), start),
                                                         hv::runstate_snapshot(*b.vcpu(hv::VcpuId{0}), start)};
    fake::run_until(start + 1000 * kMillisecond);
    block(*b.vcpu(hv::VcpuId{0}));
    fake::run_until(start + 1500 * kMillisecond);
    const auto end_a = hv::runstate_snapshot(*a.vcpu(hv::VcpuId{0}), fake::now());
    const auto end_b = hv::runstate_snapshot(*b.vcpu(hv::VcpuId{0}), fake::now());
    const auto spent = [&](const auto& end, const auto& begin, unsigned state) {
        return end.time[state] - begin.time[state];
    };
    EXPECT_EQ(spent(end_a, before[0], 0) + spent(end_a, before[0], 1), 1'500'000'000u);
    EXPECT_EQ(spent(end_b, before[1], 0) + spent(end_b, before[1], 1), 1'000'000'000u);
    EXPECT_EQ(spent(end_b, before[1], 2), 500'000'000u);
    EXPECT_EQ(spent(end_a, before[0], 0) + spent(end_b, before[1], 0), 1'500'000'000u);
    EXPECT_EQ(end_b.state, 2u);
}

}  // namespace
