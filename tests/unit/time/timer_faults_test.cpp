// Timers on a machine that loses interrupts, or sends them late or early: every deadline is met all the same,
// a little later, as long as some CPU comes by.
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string_view>
#include <vector>

#include "hv/machine/cpus.hpp"
#include "hv/machine/timer.hpp"
#include "hv/time/timer_lateness.hpp"
#include "hv/time/timer_queue.hpp"
#include "tests/unit/fakes/machine.hpp"

namespace {

constexpr hv::Nanoseconds kMillisecond = 1'000'000;

struct Probe {
    hv::Timer timer;
    hv::Nanoseconds deadline = 0;  // 0: not set
    int fired = 0;
    int early = 0;

    explicit Probe(hv::CpuId cpu) {
        hv::init_timer(
            timer,
            [](void* argument) {
                auto& self = *static_cast<Probe*>(argument);
                ++self.fired;
                if (fake::now() < self.deadline) ++self.early;
                self.deadline = 0;
            },
            this, cpu);
    }
    ~Probe() { hv::kill_timer(timer); }
    void set(hv::Nanoseconds at) {
        deadline = at;
        hv::set_timer(timer, at);
    }
    void stop() {
        deadline = 0;
        hv::stop_timer(timer);
    }
};

std::uint64_t counter(std::string_view wanted) {
    const char* name = nullptr;
    std::uint64_t value = 0;
    for (std::uint32_t index = 0; hv::timer_counter(index, name, value); ++index)
        if (name == wanted) return value;
    ADD_FAILURE() << "no counter " << wanted;
    return 0;
}

class TimerFaults : public testing::Test {
  protected:
    void SetUp() override {
        fake::boot();
        fake::on_cpu(hv::CpuId{0});
    }
    void TearDown() override {
        fake::set_timer_faults({});
        for (hv::CpuId cpu : hv::ids<hv::CpuId>(fake::kCpus)) {  // the next test's machine is sound
            fake::on_cpu(cpu);
            hv::time::update_timers();
        }
    }

    static void lose_all() { fake::set_timer_faults({.lose_interrupt = 1}); }
    static void lose_none() { fake::set_timer_faults({}); }
    static void pass(hv::Nanoseconds duration) { fake::run_until(fake::now() + duration); }
    static void enter(hv::CpuId cpu) {
        hv::request_reschedule(cpu);
        fake::settle();
    }
};

TEST_F(TimerFaults, SettingTheNextBringsTheLostOneBack) {
    Probe lost{hv::CpuId{0}}, next{hv::CpuId{0}};
    lose_all();
    lost.set(fake::now() + kMillisecond);
    lose_none();
    pass(1000 * kMillisecond);
    EXPECT_EQ(lost.fired, 0);
    const std::uint64_t missed = counter("missed_interrupts");
    next.set(fake::now() + 2 * hv::kTimerLate);
    pass(kMillisecond);
    EXPECT_EQ(lost.fired, 1);
    EXPECT_EQ(counter("missed_interrupts"), missed + 1);
    EXPECT_GE(counter("latest_ns"), 999u * static_cast<std::uint64_t>(kMillisecond));
    pass(2 * hv::kTimerLate);
    EXPECT_EQ(next.fired, 1);
}

TEST_F(TimerFaults, ALostInterruptIsNotWaitedForByTheNextTimer) {
    Probe lost{hv::CpuId{0}}, next{hv::CpuId{0}};
    lose_all();
    lost.set(fake::now() + kMillisecond);
    lose_none();
    lost.stop();
    pass(1000 * kMillisecond);
    next.set(fake::now() + kMillisecond);
    pass(2 * kMillisecond);
    EXPECT_EQ(next.fired, 1);
}

TEST_F(TimerFaults, SchedulingBringsTheLostOneBack) {
    Probe lost{hv::CpuId{3}};
    fake::on_cpu(hv::CpuId{3});
    lose_all();
    lost.set(fake::now() + kMillisecond);
    lose_none();
    fake::on_cpu(hv::CpuId{0});
    pass(hv::kTimerLate);
    enter(hv::CpuId{3});
    EXPECT_EQ(lost.fired, 0);
    pass(2 * kMillisecond);
    enter(hv::CpuId{3});
    EXPECT_EQ(lost.fired, 1);
}

TEST_F(TimerFaults, AnotherCpuLooksAfterOneThatNeverEnters) {
    Probe lost{hv::CpuId{5}}, ticker{hv::CpuId{2}};
    fake::on_cpu(hv::CpuId{5});
    lose_all();
    lost.set(fake::now() + kMillisecond);
    lose_none();
    fake::on_cpu(hv::CpuId{0});
    pass(hv::kTimerLate + 2 * kMillisecond);
    for (unsigned tick = 0; tick < fake::kCpus; ++tick) {
        ticker.set(fake::now() + kMillisecond);
        pass(2 * kMillisecond);
    }
    EXPECT_EQ(lost.fired, 1);
}

TEST_F(TimerFaults, ALostRequestIsMadeAgain) {
    Probe far{hv::CpuId{6}}, soon{hv::CpuId{6}};
    far.set(fake::now() + 100'000 * kMillisecond);
    fake::settle();
    fake::set_timer_faults({.lose_update = 1});
    soon.set(fake::now() + kMillisecond);  // from CPU 0
    fake::set_timer_faults({});
    pass(100 * kMillisecond);
    EXPECT_EQ(soon.fired, 0);
    Probe other{hv::CpuId{6}};
    other.set(fake::now() + 1000 * kMillisecond);
    pass(kMillisecond);
    EXPECT_EQ(soon.fired, 1);
}

TEST_F(TimerFaults, LateInterruptsAreCountedAndNotTakenForLost) {
    Probe late{hv::CpuId{0}};
    const std::uint64_t before = counter("late"), missed = counter("missed_interrupts");
    fake::set_timer_faults({.late = 1});  // room for none
    late.set(fake::now() + kMillisecond);
    fake::set_now(fake::now() + 3 * hv::kTimerLate);  // the whole machine stood still
    hv::check_timers(fake::now());
    EXPECT_EQ(late.fired, 1);
    EXPECT_EQ(counter("late"), before + 1);
    EXPECT_EQ(counter("missed_interrupts"), missed);
}

// Random use of random timers. Every CPU enters hv now and then, or only one does and looks after the others.
void random_use(unsigned seed, const fake::TimerFaults& faults, bool all_enter) {
    constexpr hv::Nanoseconds kEntry = 20 * kMillisecond, kTick = 2 * kMillisecond;
    std::mt19937 random{seed};
    std::vector<std::unique_ptr<Probe>> probes;
    for (unsigned i = 0; i < 64; ++i)
        probes.push_back(std::make_unique<Probe>(hv::CpuId{static_cast<std::uint32_t>(random() % fake::kCpus)}));
    Probe ticker{hv::CpuId{0}};
    // All of them late, with a request lost each time, and then some.
    const hv::Nanoseconds bound = hv::kTimerLate + faults.late + (all_enter ? 2 * kEntry : 8 * fake::kCpus * kTick);
    fake::set_timer_faults(faults);
    std::vector<hv::Nanoseconds> entered(fake::kCpus, fake::now());
    hv::Nanoseconds ticked = fake::now();
    for (unsigned step = 0; step < 6'000; ++step) {
        Probe& probe = *probes[random() % probes.size()];
        fake::on_cpu(hv::CpuId{static_cast<std::uint32_t>(random() % fake::kCpus)});
        switch (random() % 6) {
            case 0:
            case 1: probe.set(fake::now() + static_cast<hv::Nanoseconds>(random() % 5'000'000)); break;
            case 2: probe.set(fake::now() + static_cast<hv::Nanoseconds>(random()) % (500 * kMillisecond)); break;
            case 3: probe.set(fake::now() - static_cast<hv::Nanoseconds>(random() % 5'000'000)); break;
            case 4: probe.stop(); break;
            case 5:
                hv::migrate_timer(probe.timer, hv::CpuId{static_cast<std::uint32_t>(random() % fake::kCpus)});
                break;
        }
        fake::run_until(fake::now() + static_cast<hv::Nanoseconds>(random() % 1'000'000));
        for (hv::CpuId cpu : hv::ids<hv::CpuId>(all_enter ? fake::kCpus : 0)) {
            if (fake::now() - entered[cpu.raw] < kEntry) continue;
            entered[cpu.raw] = fake::now();
            hv::request_reschedule(cpu);
        }
        if (!all_enter && fake::now() - ticked >= kTick) {
            ticked = fake::now();
            fake::on_cpu(hv::CpuId{0});
            hv::time::timer_interrupt();
        }
        fake::settle();
        for (const auto& each : probes) {
            ASSERT_EQ(each->early, 0) << "step " << step;
            ASSERT_TRUE(each->deadline == 0 || fake::now() - each->deadline <= bound)
                << "step " << step << ": late by " << fake::now() - each->deadline;
        }
    }
}

TEST_F(TimerFaults, RandomUseWithSoundInterrupts) {
    random_use(1, {}, true);
}
TEST_F(TimerFaults, RandomUseWithLostInterrupts) {
    random_use(2, {.lose_interrupt = 4}, true);
}
TEST_F(TimerFaults, RandomUseWithLateAndEarlyInterrupts) {
    random_use(3, {.early = 3 * kMillisecond, .late = 3 * kMillisecond}, true);
}
TEST_F(TimerFaults, RandomUseWithEverythingWrong) {
    random_use(4, {.lose_interrupt = 2, .lose_update = 2, .early = kMillisecond, .late = 10 * kMillisecond}, true);
}
TEST_F(TimerFaults, RandomUseWithoutAnyInterrupt) {
    random_use(5, {.lose_interrupt = 1, .lose_update = 2}, true);
}
TEST_F(TimerFaults, RandomUseWhenOneCpuLooksAfterAllOthers) {
    random_use(6, {.lose_interrupt = 1}, false);
}
TEST_F(TimerFaults, RandomUseWhenOneCpuAsksAgainAndAgain) {
    random_use(7, {.lose_interrupt = 3, .lose_update = 3}, false);
}

}  // namespace
