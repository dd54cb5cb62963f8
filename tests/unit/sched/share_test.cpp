// Weights, caps and reservations hold, on one CPU and over several.
#include <gtest/gtest.h>

#include "hv/machine/timer.hpp"
#include "tests/unit/sched/simulation.hpp"

namespace {

class Share : public sim::Machine {};
class Cap : public sim::Machine {};
class Reservation : public sim::Machine {};

using sim::first_cpus;
using sim::hogs;
using sim::measure;

constexpr hv::Nanoseconds kSecond = 1'000'000'000;

TEST_F(Share, WeightsOnOneCpu) {
    const auto cpus = first_cpus(1);
    std::vector<hv::Domain*> domains{&hogs({.weight = 100, .hard = cpus}), &hogs({.weight = 200, .hard = cpus}),
                                     &hogs({.weight = 400, .hard = cpus})};
    measure(domains, kSecond);
    const auto got = measure(domains, 10 * kSecond);
    EXPECT_NEAR(got[0], 1.0 / 7, 0.01);
    EXPECT_NEAR(got[1], 2.0 / 7, 0.01);
    EXPECT_NEAR(got[2], 4.0 / 7, 0.01);
}

TEST_F(Share, WeightsOverFourCpus) {
    const auto cpus = first_cpus(4);
    std::vector<hv::Domain*> domains{&hogs({.vcpus = 4, .weight = 100, .hard = cpus}),
                                     &hogs({.vcpus = 4, .weight = 200, .hard = cpus}),
                                     &hogs({.vcpus = 4, .weight = 400, .hard = cpus})};
    measure(domains, kSecond);
    const auto got = measure(domains, 10 * kSecond);
    EXPECT_NEAR(got[0], 4.0 / 7, 0.05);
    EXPECT_NEAR(got[1], 8.0 / 7, 0.07);
    EXPECT_NEAR(got[2], 16.0 / 7, 0.1);
}

TEST_F(Share, ThreeEqualsOnTwoCpus) {
    const auto cpus = first_cpus(2);
    std::vector<hv::Domain*> domains{&hogs({.hard = cpus}), &hogs({.hard = cpus}), &hogs({.hard = cpus})};
    measure(domains, kSecond);
    for (const double got : measure(domains, 10 * kSecond)) EXPECT_NEAR(got, 2.0 / 3, 0.03);
}

TEST_F(Share, MoreVcpusAreNoLargerShare) {
    const auto cpus = first_cpus(1);
    std::vector<hv::Domain*> domains{&hogs({.vcpus = 1, .hard = cpus}), &hogs({.vcpus = 6, .hard = cpus})};
    measure(domains, kSecond);
    for (const double got : measure(domains, 10 * kSecond)) EXPECT_NEAR(got, 0.5, 0.03);
}

TEST_F(Share, UnevenWeightsWithFewerVcpusThanCpusTakeWhatTheyCan) {
    const auto cpus = first_cpus(2);
    // 1:2:8 over two CPUs: the last one can use one CPU only, the others share the other.
    std::vector<hv::Domain*> domains{&hogs({.weight = 100, .hard = cpus}), &hogs({.weight = 200, .hard = cpus}),
                                     &hogs({.weight = 800, .hard = cpus})};
    measure(domains, kSecond);
    const auto got = measure(domains, 10 * kSecond);
    EXPECT_NEAR(got[0], 1.0 / 3, 0.05);
    EXPECT_NEAR(got[1], 2.0 / 3, 0.05);
    EXPECT_NEAR(got[2], 1.0, 0.05);
}

TEST_F(Share, ManyDomainsNobodyStarves) {
    const auto cpus = first_cpus(3);
    std::vector<hv::Domain*> domains;
    for (unsigned i = 0; i < 40; ++i) domains.push_back(&hogs({.weight = i % 4 == 0 ? 1024u : 256u, .hard = cpus}));
    measure(domains, 2 * kSecond);
    const auto got = measure(domains, 20 * kSecond);
    const double share = 3.0 / (10 * 4 + 30);
    for (unsigned i = 0; i < 40; ++i) EXPECT_NEAR(got[i], (i % 4 == 0 ? 4 : 1) * share, 0.15 * share * 4);
}

TEST_F(Cap, HoldsOnAnIdleMachine) {
    std::vector<hv::Domain*> domains{&hogs({.cap = 30}), &hogs({.vcpus = 4, .cap = 150})};
    measure(domains, kSecond);
    const auto got = measure(domains, 10 * kSecond);
    EXPECT_NEAR(got[0], 0.3, 0.01);
    EXPECT_NEAR(got[1], 1.5, 0.05);
}

TEST_F(Cap, HoldsAgainstOthersWhoGetTheRest) {
    const auto cpus = first_cpus(1);
    std::vector<hv::Domain*> domains{&hogs({.weight = 10000, .cap = 20, .hard = cpus}),
                                     &hogs({.weight = 100, .hard = cpus})};
    measure(domains, kSecond);
    const auto got = measure(domains, 10 * kSecond);
    EXPECT_NEAR(got[0], 0.2, 0.01);
    EXPECT_NEAR(got[1], 0.8, 0.01);
}

// A new period looks at all vCPUs of a domain, but not with one interrupt.
TEST_F(Cap, ManyVcpusGoOnInPieces) {
    constexpr long kAtOnce = 16;
    hv::Domain& domain = hogs({.vcpus = 100, .cap = 100});
    const auto parked = [&domain] {
        long count = 0;
        for (hv::VcpuId id : hv::ids<hv::VcpuId>(domain.max_vcpus))
            count += domain.vcpu(id)->sched.place == hv::SchedPlace::Parked;
        return count;
    };
    for (int i = 0; i < 200 && parked() <= 2 * kAtOnce; ++i) fake::run_until(fake::now() + sim::kMillisecond);
    const long before = parked();
    ASSERT_GT(before, 2 * kAtOnce);
    ASSERT_TRUE(hv::sched_set_parameters(domain, sim::shares(256)));
    fake::on_cpu(domain.sched.refill_timer.cpu.load());
    hv::time::timer_interrupt();
    EXPECT_LT(parked(), before);
    EXPECT_GE(parked(), before - kAtOnce);
    measure({&domain}, kSecond);
    EXPECT_EQ(parked(), 0);
    EXPECT_NEAR(measure({&domain}, kSecond)[0], 8.0, 0.1);
}

// With more vCPUs than a period has time for, they take turns.
TEST_F(Cap, EveryVcpuGetsItsTurn) {
    for (const std::uint32_t vcpus : {12u, 100u}) {
        hv::Domain& domain = hogs({.vcpus = vcpus, .cap = 100});
        measure({&domain}, 5 * kSecond);
        for (hv::VcpuId id : hv::ids<hv::VcpuId>(vcpus)) {
            const double share = static_cast<double>(hv::vcpu_run_time(*domain.vcpu(id))) / (5.0 * kSecond) * vcpus;
            EXPECT_GT(share, 0.5) << "vCPU " << id.raw << " of " << vcpus;
            EXPECT_LT(share, 2.0) << "vCPU " << id.raw << " of " << vcpus;
        }
        fake::destroy_all();
    }
}

TEST_F(Cap, LiftedSetsFree) {
    std::vector<hv::Domain*> domains{&hogs({.cap = 10})};
    measure(domains, kSecond);
    ASSERT_TRUE(hv::sched_set_parameters(*domains[0], sim::shares(256)));
    measure(domains, kSecond);
    EXPECT_NEAR(measure(domains, kSecond)[0], 1.0, 0.01);
}

TEST_F(Reservation, IsHonouredAgainstHeavyOthers) {
    const auto cpus = first_cpus(1);
    std::vector<hv::Domain*> domains{&hogs({.weight = 10, .reservation = 40, .hard = cpus})};
    for (int i = 0; i < 6; ++i) domains.push_back(&hogs({.weight = 4000, .hard = cpus}));
    measure(domains, kSecond);
    const auto got = measure(domains, 10 * kSecond);
    EXPECT_GE(got[0], 0.38);
    EXPECT_LE(got[0], 0.45);
    for (std::size_t i = 1; i < domains.size(); ++i) EXPECT_NEAR(got[i], 0.1, 0.02);
}

TEST_F(Reservation, OverSeveralCpus) {
    const auto cpus = first_cpus(2);
    std::vector<hv::Domain*> domains{&hogs({.weight = 10, .reservation = 80, .hard = cpus}),
                                     &hogs({.weight = 10, .reservation = 80, .hard = cpus})};
    for (int i = 0; i < 6; ++i) domains.push_back(&hogs({.weight = 4000, .hard = cpus}));
    measure(domains, kSecond);
    const auto got = measure(domains, 10 * kSecond);
    EXPECT_GE(got[0], 0.75);
    EXPECT_GE(got[1], 0.75);
}

TEST_F(Reservation, CannotPromiseMoreThanThereIs) {
    hv::Domain& a = fake::make_domain(8);
    hv::Domain& b = fake::make_domain(8);
    ASSERT_TRUE(hv::sched_set_parameters(a, sim::shares(256, 0, 800)));
    EXPECT_EQ(hv::sched_set_parameters(b, sim::shares(256, 0, 1)).error(), hv::Error::NoSpace);
    ASSERT_TRUE(hv::sched_set_parameters(a, sim::shares(256, 0, 100)));
    EXPECT_TRUE(hv::sched_set_parameters(b, sim::shares(256, 0, 700)));
    EXPECT_EQ(hv::sched_set_parameters(b, sim::shares(0)).error(), hv::Error::BadArgument);
    EXPECT_EQ(hv::sched_set_parameters(b, sim::shares(65536)).error(), hv::Error::BadArgument);
    EXPECT_EQ(hv::sched_set_parameters(b, sim::shares(256, 0, 801)).error(), hv::Error::BadArgument);
}

}  // namespace
