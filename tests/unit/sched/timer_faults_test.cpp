// The scheduler's own timers on a machine that loses interrupts: no vCPU waits for ever for another one whose slice
// does not end.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "hv/machine/timer.hpp"
#include "hv/time/timer_lateness.hpp"
#include "tests/unit/sched/simulation.hpp"

namespace {

using sim::first_cpus;
using sim::hogs;
using sim::kMillisecond;

class SchedulerTimerFaults : public sim::Machine {
  protected:
    void TearDown() override {
        fake::set_timer_faults({});
        for (hv::CpuId cpu : hv::ids<hv::CpuId>(fake::kCpus)) {
            fake::on_cpu(cpu);
            hv::time::update_timers();
        }
        fake::on_cpu(hv::CpuId{0});
        Machine::TearDown();
    }
};

constexpr hv::Nanoseconds kTick = 4 * kMillisecond;

// Lets the machine run with one CPU that has its ticks. Returns the longest time in which one of the vCPUs did not run.
hv::Nanoseconds longest_wait(const std::vector<hv::Vcpu*>& vcpus, hv::Nanoseconds duration) {
    struct Last {
        hv::Nanoseconds ran, at;
    };
    std::map<hv::Vcpu*, Last> last;
    for (hv::Vcpu* vcpu : vcpus) last[vcpu] = {hv::vcpu_run_time(*vcpu), fake::now()};
    hv::Nanoseconds longest = 0;
    for (const hv::Nanoseconds end = fake::now() + duration; fake::now() < end;) {
        fake::run_until(fake::now() + kTick);
        fake::on_cpu(hv::CpuId{fake::kCpus - 1});
        hv::time::timer_interrupt();
        fake::settle();
        for (hv::Vcpu* vcpu : vcpus) {
            const hv::Nanoseconds ran = hv::vcpu_run_time(*vcpu);
            longest = std::max(longest, fake::now() - last[vcpu].at);
            if (ran != last[vcpu].ran) last[vcpu] = {ran, fake::now()};
        }
    }
    return longest;
}

TEST_F(SchedulerTimerFaults, SlicesEndWhenTheirInterruptsAreLost) {
    std::vector<hv::Vcpu*> vcpus;
    constexpr int kHogs = 6;
    const auto cpus = first_cpus(2);
    for (int i = 0; i < kHogs; ++i) vcpus.push_back(hogs({.hard = cpus}).vcpu(hv::VcpuId{0}));
    // A slice whose end is lost lasts until the CPU with ticks has come round.
    const hv::Nanoseconds lost_slice = hv::kTimerLate + 2 * fake::kCpus * kTick;
    for (const unsigned lose : {1u, 2u, 5u}) {
        fake::set_timer_faults({.lose_interrupt = lose});
        EXPECT_LE(longest_wait(vcpus, 20'000 * kMillisecond), kHogs * lost_slice) << "one in " << lose;
    }
}

TEST_F(SchedulerTimerFaults, WhatACapHasParkedComesBack) {
    hv::Domain& capped = hogs({.cap = 30});
    fake::set_timer_faults({.lose_interrupt = 1});
    EXPECT_LE(longest_wait({capped.vcpu(hv::VcpuId{0})}, 20'000 * kMillisecond),
              3 * (hv::kTimerLate + 2 * fake::kCpus * kTick));
}

// One that sleeps, on a CPU that sleeps, is woken, and the interrupt that tells that CPU is lost.
TEST_F(SchedulerTimerFaults, AWakeIsSeenWhenItsInterruptIsLost) {
    hv::Domain& sleeper = hogs({});
    hv::Vcpu& vcpu = *sleeper.vcpu(hv::VcpuId{0});
    fake::run_until(fake::now() + kMillisecond);
    for (int i = 0; i < 20; ++i) {
        vcpu.flags.fetch_or(hv::kVcpuBlocked);
        hv::sched_sleep(vcpu);
        fake::settle();
        const hv::Nanoseconds before = hv::vcpu_run_time(vcpu);
        fake::on_cpu(hv::CpuId{fake::kCpus - 1});
        fake::set_timer_faults({.lose_kick = 1});
        ASSERT_TRUE(vcpu.unblock());
        fake::set_timer_faults({});
        EXPECT_LE(longest_wait({&vcpu}, 3 * hv::kTimerLate), 2 * hv::kTimerLate);
        EXPECT_GT(hv::vcpu_run_time(vcpu), before);
    }
}

}  // namespace
