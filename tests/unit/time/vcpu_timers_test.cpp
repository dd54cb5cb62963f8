#include "hv/domain/vcpu_timers.hpp"

#include <gtest/gtest.h>

#include "hv/abi/xen/errno.hpp"
#include "hv/abi/xen/sched.hpp"
#include "hv/domain/runstate.hpp"
#include "hv/hypercall/handlers.hpp"
#include "hv/sched/sched.hpp"
#include "hv/time/timer_lateness.hpp"
#include "tests/unit/fakes/machine.hpp"

namespace {

using namespace hv::abi::xen;

class VcpuTimers : public testing::Test {
  protected:
    void SetUp() override {
        fake::boot();
        domain = &fake::make_domain(2);
        fake::settle();
        vcpu = domain->vcpu(hv::VcpuId{0});
        fake::on_cpu(vcpu->cpu.load());
        EventChannelBindVirq bind{.virq = 0, .vcpu = 0, .port = 0};
        ASSERT_EQ(fake::hypercall(hv::do_event_channel_op, 1, fake::address(bind)), 0);
        port = bind.port;
    }
    void TearDown() override { EXPECT_TRUE(fake::destroy(*domain)); }

    std::int64_t vcpu_op(VcpuCommand command, std::uint64_t id, std::uint64_t argument = 0) {
        return fake::hypercall(hv::do_vcpu_op, static_cast<std::uint64_t>(command), id, argument);
    }
    bool take_event() {
        auto& word = domain->shared_info->evtchn_pending[port / 64];
        const bool pending = (word >> port % 64) & 1;
        word = 0;
        vcpu->info.load()->evtchn_pending_sel = 0;
        vcpu->info.load()->evtchn_upcall_pending = 0;
        return pending;
    }
    std::uint64_t now() const { return static_cast<std::uint64_t>(fake::now()); }

    hv::Domain* domain = nullptr;
    hv::Vcpu* vcpu = nullptr;
    std::uint32_t port = 0;
};

TEST_F(VcpuTimers, SingleshotOnce) {
    VcpuSetSingleshotTimer set{.timeout_abs_ns = now() + 1'000'000, .flags = kSingleshotFuture, .pad = 0};
    ASSERT_EQ(vcpu_op(VcpuCommand::SetSingleshotTimer, 0, fake::address(set)), 0);
    fake::run_until(fake::now() + 900'000);
    EXPECT_FALSE(take_event());
    fake::run_until(fake::now() + 200'000);
    EXPECT_TRUE(take_event());
    fake::run_until(fake::now() + 5'000'000);
    EXPECT_FALSE(take_event());
}

TEST_F(VcpuTimers, SingleshotInThePast) {
    VcpuSetSingleshotTimer set{.timeout_abs_ns = now() - 1, .flags = kSingleshotFuture, .pad = 0};
    EXPECT_EQ(vcpu_op(VcpuCommand::SetSingleshotTimer, 0, fake::address(set)), -kETIME);
    set.flags = 0;
    EXPECT_EQ(vcpu_op(VcpuCommand::SetSingleshotTimer, 0, fake::address(set)), 0);
    fake::run_until(fake::now());
    EXPECT_TRUE(take_event());
    EXPECT_EQ(vcpu_op(VcpuCommand::SetSingleshotTimer, 1, fake::address(set)), -kEINVAL);
    EXPECT_EQ(vcpu_op(VcpuCommand::SetSingleshotTimer, 0, 8), -kEFAULT);
    set.timeout_abs_ns = ~std::uint64_t{0};
    EXPECT_EQ(vcpu_op(VcpuCommand::SetSingleshotTimer, 0, fake::address(set)), 0);
    EXPECT_EQ(vcpu_op(VcpuCommand::StopSingleshotTimer, 0), 0);
}

// A time that passed long ago is the guest's own doing, and no interrupt of this machine's that came late.
TEST_F(VcpuTimers, TimesInThePastCountAsNoLateTimers) {
    fake::run_until(fake::now() + 10'000'000'000);
    const char* name = nullptr;
    std::uint64_t before = 0, after = 0;
    ASSERT_TRUE(hv::timer_counter(0, name, before));
    VcpuSetSingleshotTimer set{.timeout_abs_ns = 1, .flags = 0, .pad = 0};
    EXPECT_EQ(vcpu_op(VcpuCommand::SetSingleshotTimer, 0, fake::address(set)), 0);
    fake::run_until(fake::now());
    EXPECT_TRUE(take_event());
    EXPECT_EQ(fake::hypercall(hv::do_set_timer_op, 1), 0);
    fake::run_until(fake::now());
    EXPECT_TRUE(take_event());
    SchedPoll poll{.ports = 0, .nr_ports = 0, .pad = 0, .timeout = 1};
    EXPECT_EQ(fake::hypercall(hv::do_sched_op, static_cast<std::uint64_t>(SchedCommand::Poll), fake::address(poll)), 0);
    fake::run_until(fake::now());
    EXPECT_TRUE(vcpu->running.load());
    ASSERT_TRUE(hv::timer_counter(0, name, after));
    EXPECT_EQ(after, before);
}

TEST_F(VcpuTimers, Periodic) {
    VcpuSetPeriodicTimer set{.period_ns = 999'999};
    EXPECT_EQ(vcpu_op(VcpuCommand::SetPeriodicTimer, 0, fake::address(set)), -kEINVAL);
    set.period_ns = 10'000'000;
    ASSERT_EQ(vcpu_op(VcpuCommand::SetPeriodicTimer, 0, fake::address(set)), 0);
    int events = 0;
    for (int i = 0; i < 100; ++i) {
        fake::run_until(fake::now() + 1'000'000);
        events += take_event();
    }
    EXPECT_EQ(events, 10);
    EXPECT_EQ(vcpu_op(VcpuCommand::StopPeriodicTimer, 0), 0);
    fake::run_until(fake::now() + 100'000'000);
    EXPECT_FALSE(take_event());
}

// Ticks while it does not run would cost hv time that is charged to no domain. The one that came due meanwhile comes
// when it runs.
TEST_F(VcpuTimers, TicksOnlyWhileItRuns) {
    constexpr hv::Nanoseconds kLong = 1'000'000'000, kMillisecond = 1'000'000;
    VcpuSetPeriodicTimer set{.period_ns = 1'000'000};
    ASSERT_EQ(vcpu_op(VcpuCommand::SetPeriodicTimer, 0, fake::address(set)), 0);
    const auto interrupts = [] {
        std::uint64_t sum = 0;
        for (hv::CpuId cpu{0}; cpu.raw < fake::kCpus; ++cpu) sum += fake::timer_interrupts(cpu);
        return sum;
    };
    const auto expect_silence = [&](const char* why) {
        SCOPED_TRACE(why);
        fake::settle();
        ASSERT_FALSE(vcpu->running.load());
        take_event();
        const std::uint64_t before = interrupts();
        fake::run_until(fake::now() + kLong);
        EXPECT_FALSE(vcpu->running.load());
        EXPECT_FALSE(take_event());
        EXPECT_LE(interrupts() - before, 2u);  // what the hardware had been told already
    };
    const auto expect_ticks = [&](const char* why) {
        SCOPED_TRACE(why);
        fake::settle();
        ASSERT_TRUE(vcpu->running.load());
        EXPECT_TRUE(take_event());
        int events = 0;
        for (int i = 0; i < 20; ++i) {
            fake::run_until(fake::now() + kMillisecond);
            events += take_event();
        }
        EXPECT_GE(events, 19);
        fake::on_cpu(vcpu->cpu.load());
    };
    EXPECT_EQ(fake::hypercall(hv::do_sched_op, static_cast<std::uint64_t>(SchedCommand::Block)), 0);
    expect_silence("blocked");
    vcpu->unblock();
    expect_ticks("woken");
    domain->pause_nosync();
    expect_silence("of a paused domain");
    domain->unpause();
    expect_ticks("unpaused");
    vcpu->pause_nosync();
    expect_silence("paused");
    vcpu->unpause();
    expect_ticks("unpaused");
    fake::bring_up(*domain->vcpu(hv::VcpuId{1}));
    ASSERT_EQ(vcpu_op(VcpuCommand::Down, 0), 0);
    expect_silence("down");
    fake::set_current(*domain->vcpu(hv::VcpuId{1}));
    // Set by another one for one that does not run: no tick, and no end of ticks.
    ASSERT_EQ(vcpu_op(VcpuCommand::SetPeriodicTimer, 0, fake::address(set)), 0);
    expect_silence("down, and set");
    fake::on_cpu(domain->vcpu(hv::VcpuId{1})->cpu.load());
    ASSERT_EQ(vcpu_op(VcpuCommand::Up, 0), 0);
    expect_ticks("up");
    domain->crash("a test");
    expect_silence("crashed and kept");
}

TEST_F(VcpuTimers, SetTimerOp) {
    EXPECT_EQ(fake::hypercall(hv::do_set_timer_op, now() + 1'000'000), 0);
    EXPECT_EQ(fake::hypercall(hv::do_set_timer_op, 0), 0);
    fake::run_until(fake::now() + 2'000'000);
    EXPECT_FALSE(take_event());
    EXPECT_EQ(fake::hypercall(hv::do_set_timer_op, ~std::uint64_t{0}), 0);
    fake::run_until(fake::now() + 200'000'000);
    EXPECT_TRUE(take_event());
}

// Longer than any pause that a guest's own arithmetic is made for: what was due comes at once, and once.
TEST_F(VcpuTimers, AfterAPauseOfHours) {
    constexpr hv::Nanoseconds kSecond = 1'000'000'000, kPause = 3 * 3600 * kSecond;
    VcpuSetPeriodicTimer period{.period_ns = static_cast<std::uint64_t>(10 * kSecond)};
    ASSERT_EQ(vcpu_op(VcpuCommand::SetPeriodicTimer, 0, fake::address(period)), 0);
    EXPECT_EQ(fake::hypercall(hv::do_set_timer_op, now() + 1'000'000), 0);
    EXPECT_EQ(fake::hypercall(hv::do_sched_op, static_cast<std::uint64_t>(SchedCommand::Block)), 0);
    domain->pause();
    fake::run_until(fake::now() + kPause);
    EXPECT_FALSE(vcpu->running.load());
    EXPECT_GE(hv::runstate_snapshot(*vcpu, fake::now()).time[static_cast<unsigned>(RunstateKind::Offline)],
              static_cast<std::uint64_t>(kPause - 10 * kSecond));
    const hv::Nanoseconds back = fake::now();
    domain->unpause();
    fake::settle();
    EXPECT_TRUE(vcpu->running.load());
    EXPECT_EQ(fake::now(), back);
    EXPECT_TRUE(take_event());
    fake::on_cpu(vcpu->cpu.load());
    EXPECT_EQ(fake::hypercall(hv::do_set_timer_op, now() + 1'000'000), 0);
    fake::run_until(fake::now() + 2'000'000);
    EXPECT_TRUE(take_event());
    fake::run_until(fake::now() + 10 * kSecond);
    EXPECT_TRUE(take_event());
}

TEST_F(VcpuTimers, WakesTheBlockedVcpu) {
    EXPECT_EQ(fake::hypercall(hv::do_set_timer_op, now() + 1'000'000), 0);
    EXPECT_EQ(fake::hypercall(hv::do_sched_op, static_cast<std::uint64_t>(SchedCommand::Block)), 0);
    fake::settle();
    EXPECT_FALSE(vcpu->running.load());
    fake::run_until(fake::now() + 1'100'000);
    EXPECT_TRUE(vcpu->running.load());
    EXPECT_TRUE(take_event());
}

}  // namespace
