// Which vCPU runs where: idle CPUs first, affinity always, and no timer for a vCPU that is alone.
#include <gtest/gtest.h>

#include <random>

#include "tests/unit/sched/simulation.hpp"

namespace {

class Placement : public sim::Machine {};
class Affinity : public sim::Machine {};

using sim::first_cpus;
using sim::hogs;
using sim::kMillisecond;

hv::CpuSet only(std::uint32_t cpu) {
    hv::CpuSet set;
    set.set(hv::CpuId{cpu});
    return set;
}

void block(hv::Vcpu& vcpu) {
    vcpu.flags.fetch_or(hv::kVcpuBlocked);
    hv::sched_sleep(vcpu);
    fake::settle();
}

TEST_F(Placement, WakesOnAnIdleCpu) {
    std::vector<hv::Domain*> domains;
    for (std::uint32_t i = 0; i < fake::kCpus; ++i) domains.push_back(&hogs({}));
    fake::settle();
    hv::CpuSet used;
    for (hv::Domain* domain : domains) {
        EXPECT_TRUE(domain->vcpu(hv::VcpuId{0})->running.load());
        used.set(domain->vcpu(hv::VcpuId{0})->cpu.load());
    }
    EXPECT_EQ(used.count(), fake::kCpus);
}

TEST_F(Placement, StaysWhereItsCacheIsWarm) {
    hv::Vcpu& vcpu = *hogs({}).vcpu(hv::VcpuId{0});
    fake::settle();
    const hv::CpuId cpu = vcpu.cpu.load();
    for (int i = 0; i < 5; ++i) {
        block(vcpu);
        EXPECT_FALSE(vcpu.running.load());
        vcpu.unblock();
        fake::settle();
        EXPECT_EQ(vcpu.cpu.load(), cpu);
        EXPECT_TRUE(vcpu.running.load());
    }
}

TEST_F(Placement, SoftAffinityBeforeAnyIdleCpu) {
    hv::Vcpu& vcpu = *hogs({}).vcpu(hv::VcpuId{0});
    fake::settle();
    block(vcpu);
    const hv::CpuId other{vcpu.cpu.load() == hv::CpuId{5} ? 6u : 5u};
    const auto soft = only(other.raw);
    ASSERT_TRUE(hv::sched_set_affinity(vcpu, nullptr, &soft));
    vcpu.unblock();
    fake::settle();
    EXPECT_EQ(vcpu.cpu.load(), other);
    // When the CPU that it likes is taken, another idle one is better than waiting.
    block(vcpu);
    hogs({.hard = only(other.raw)});
    fake::settle();
    vcpu.unblock();
    fake::settle();
    EXPECT_TRUE(vcpu.running.load());
    EXPECT_NE(vcpu.cpu.load(), other);
}

TEST_F(Placement, IdleCpuTakesWaitingWork) {
    std::vector<hv::Domain*> domains;
    for (std::uint32_t i = 0; i < fake::kCpus + 1; ++i) domains.push_back(&hogs({}));
    fake::run_until(fake::now() + 50 * kMillisecond);
    // One of those that have a CPU for themselves stops; the one that waits gets it at once.
    for (hv::Domain* domain : domains) {
        if (domain->vcpu(hv::VcpuId{0})->running.load()) {
            block(*domain->vcpu(hv::VcpuId{0}));
            break;
        }
    }
    unsigned running = 0;
    for (hv::Domain* domain : domains) running += domain->vcpu(hv::VcpuId{0})->running.load();
    EXPECT_EQ(running, fake::kCpus);
}

TEST_F(Placement, AloneMeansNoTimer) {
    hogs({.hard = only(3)});
    fake::run_until(fake::now() + 100 * kMillisecond);
    const std::uint64_t before = fake::timer_interrupts(hv::CpuId{3});
    fake::run_until(fake::now() + 10'000 * kMillisecond);
    EXPECT_EQ(fake::timer_interrupts(hv::CpuId{3}), before);
}

TEST_F(Affinity, MovesARunningVcpu) {
    hv::Vcpu& vcpu = *hogs({}).vcpu(hv::VcpuId{0});
    fake::settle();
    for (hv::CpuId cpu : hv::ids<hv::CpuId>(fake::kCpus)) {
        const auto hard = only(cpu.raw);
        ASSERT_TRUE(hv::sched_set_affinity(vcpu, &hard, nullptr));
        fake::settle();
        EXPECT_EQ(vcpu.cpu.load(), cpu);
        EXPECT_TRUE(vcpu.running.load());
    }
    const auto none = only(200);
    EXPECT_EQ(hv::sched_set_affinity(vcpu, &none, nullptr).error(), hv::Error::BadArgument);
}

TEST_F(Affinity, PinOverrideAndBack) {
    hv::Vcpu& vcpu = *hogs({}).vcpu(hv::VcpuId{0});
    fake::settle();
    EXPECT_EQ(hv::sched_pin_override(vcpu, hv::kNoCpu).error(), hv::Error::NoEntry);
    EXPECT_EQ(hv::sched_pin_override(vcpu, hv::CpuId{77}).error(), hv::Error::BadArgument);
    ASSERT_TRUE(hv::sched_pin_override(vcpu, hv::CpuId{6}));
    fake::settle();
    EXPECT_EQ(vcpu.cpu.load(), hv::CpuId{6});
    EXPECT_EQ(hv::sched_pin_override(vcpu, hv::CpuId{5}).error(), hv::Error::Busy);
    const auto hard = only(1);
    EXPECT_EQ(hv::sched_set_affinity(vcpu, &hard, nullptr).error(), hv::Error::Busy);
    ASSERT_TRUE(hv::sched_pin_override(vcpu, hv::kNoCpu));
    hv::CpuSet now, soft;
    hv::sched_get_affinity(vcpu, now, soft);
    EXPECT_EQ(now, first_cpus(fake::kCpus));
}

// Everything at random for a while: every vCPU runs, and only where it may.
TEST_F(Affinity, NeverViolatedAndNobodyIsLost) {
    std::mt19937 random{42};
    std::vector<hv::Domain*> domains;
    for (unsigned i = 0; i < 12; ++i)
        domains.push_back(&hogs({.vcpus = 2, .cap = i == 3 ? 50u : 0u, .reservation = i == 4 ? 30u : 0u}));
    for (int round = 0; round < 3000; ++round) {
        hv::Vcpu& vcpu =
            *domains[random() % domains.size()]->vcpu(hv::VcpuId{static_cast<std::uint32_t>(random() % 2)});
        switch (random() % 5) {
            case 0: block(vcpu); break;
            case 1: vcpu.unblock(); break;
            case 2: {
                hv::CpuSet hard;
                hard.set_word(0, random() % 255 + 1);
                ASSERT_TRUE(hv::sched_set_affinity(vcpu, &hard, nullptr));
                break;
            }
            case 3:
                vcpu.pause_nosync();
                fake::settle();
                EXPECT_FALSE(vcpu.running.load());
                vcpu.unpause();
                break;
            case 4: hv::sched_yield(vcpu); break;
        }
        fake::run_until(fake::now() + random() % 3'000'000);
        for (hv::CpuId cpu : hv::ids<hv::CpuId>(fake::kCpus)) {
            hv::Vcpu& current = fake::running_on(cpu);
            if (current.domain.id.raw > 4096) continue;  // idle
            hv::CpuSet hard, soft;
            hv::sched_get_affinity(current, hard, soft);
            EXPECT_TRUE(hard.test(cpu));
            EXPECT_TRUE(current.runnable());
        }
    }
    for (hv::Domain* domain : domains) {
        for (hv::VcpuId id : hv::ids<hv::VcpuId>(2)) domain->vcpu(id)->unblock();
    }
    for (hv::Domain* domain : domains) {
        const double before = sim::run_time(*domain);
        fake::run_until(fake::now() + 300 * kMillisecond);
        EXPECT_GT(sim::run_time(*domain), before);
    }
}

}  // namespace
