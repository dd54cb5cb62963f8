#include "hv/time/timer_queue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "hv/machine/timer.hpp"
#include "tests/unit/fakes/machine.hpp"

namespace {

struct Probe {
    hv::Timer timer;
    std::atomic<int> fired{0};
    hv::Nanoseconds at = 0;
    hv::CpuId where;
    hv::Nanoseconds again = 0;  // sets itself again after this

    explicit Probe(hv::CpuId cpu = hv::CpuId{0}) {
        hv::init_timer(
            timer,
            [](void* argument) {
                auto& self = *static_cast<Probe*>(argument);
                ++self.fired;
                self.at = fake::now();
                self.where = hv::current_cpu();
                if (self.again) hv::set_timer(self.timer, fake::now() + self.again);
            },
            this, cpu);
    }
    ~Probe() { hv::kill_timer(timer); }
};

class TimerQueue : public testing::Test {
  protected:
    void SetUp() override {
        fake::boot();
        fake::on_cpu(hv::CpuId{0});
        start = fake::now();
    }
    hv::Nanoseconds start = 0;
};

TEST_F(TimerQueue, FiresAtItsTimeAndOnItsCpu) {
    Probe probe{hv::CpuId{3}};
    hv::set_timer(probe.timer, start + 1000);
    EXPECT_TRUE(hv::timer_pending(probe.timer));
    fake::run_until(start + 999);
    EXPECT_EQ(probe.fired, 0);
    fake::run_until(start + 1000);
    EXPECT_EQ(probe.fired, 1);
    EXPECT_EQ(probe.at, start + 1000);
    EXPECT_EQ(probe.where, hv::CpuId{3});
    EXPECT_FALSE(hv::timer_pending(probe.timer));
}

TEST_F(TimerQueue, PastDeadlineFiresAtOnce) {
    Probe probe;
    hv::set_timer(probe.timer, start - 5);
    fake::run_until(start);
    EXPECT_EQ(probe.fired, 1);
}

TEST_F(TimerQueue, SettingAgainReplaces) {
    Probe probe;
    hv::set_timer(probe.timer, start + 1000);
    hv::set_timer(probe.timer, start + 500'000);
    fake::run_until(start + 400'000);
    EXPECT_EQ(probe.fired, 0);
    hv::set_timer(probe.timer, start + 450'000);
    fake::run_until(start + 460'000);
    EXPECT_EQ(probe.fired, 1);
}

TEST_F(TimerQueue, StoppedAndKilledDoNotFire) {
    Probe stopped, killed;
    hv::set_timer(stopped.timer, start + 1000);
    hv::set_timer(killed.timer, start + 1000);
    hv::stop_timer(stopped.timer);
    hv::kill_timer(killed.timer);
    hv::set_timer(killed.timer, start + 1500);
    fake::run_until(start + 5000);
    EXPECT_EQ(stopped.fired, 0);
    EXPECT_EQ(killed.fired, 0);
}

TEST_F(TimerQueue, HandlerMaySetItsTimerAgain) {
    Probe probe;
    probe.again = 1'000'000;
    hv::set_timer(probe.timer, start + 1'000'000);
    fake::run_until(start + 10'000'000);
    EXPECT_EQ(probe.fired, 10);
}

TEST_F(TimerQueue, HandlerThatIsAlwaysDueDoesNotHangTheCpu) {
    Probe probe;
    hv::set_timer(probe.timer, start);
    probe.again = -1'000'000;
    hv::time::timer_interrupt();  // returns
    EXPECT_GT(probe.fired, 0);
    probe.again = 0;
}

TEST_F(TimerQueue, NeighboursShareAnInterruptAndNobodyIsEarly) {
    Probe a, b, c;
    hv::set_timer(a.timer, start + 100'000);
    hv::set_timer(b.timer, start + 100'000 + hv::kTimerSlop - 1);
    hv::set_timer(c.timer, start + 100'000 + 4 * hv::kTimerSlop);
    const std::uint64_t before = fake::timer_interrupts(hv::CpuId{0});
    fake::run_until(start + 100'000 + 2 * hv::kTimerSlop);
    EXPECT_EQ(a.fired, 1);
    EXPECT_EQ(b.fired, 1);
    EXPECT_EQ(c.fired, 0);
    EXPECT_GE(a.at, start + 100'000);
    EXPECT_LE(fake::timer_interrupts(hv::CpuId{0}) - before, 2u);
    fake::run_until(start + 1'000'000);
    EXPECT_GE(c.at, start + 100'000 + 4 * hv::kTimerSlop);
}

TEST_F(TimerQueue, MigratesWithItsDeadline) {
    Probe probe{hv::CpuId{1}};
    hv::set_timer(probe.timer, start + 100'000);
    hv::migrate_timer(probe.timer, hv::CpuId{6});
    fake::run_until(start + 200'000);
    EXPECT_EQ(probe.fired, 1);
    EXPECT_EQ(probe.where, hv::CpuId{6});
    hv::migrate_timer(probe.timer, hv::CpuId{2});
    EXPECT_FALSE(hv::timer_pending(probe.timer));
}

TEST_F(TimerQueue, ManyInOrder) {
    std::mt19937 random{7};
    std::vector<std::unique_ptr<Probe>> probes;
    std::vector<hv::Nanoseconds> deadlines;
    for (int i = 0; i < 2000; ++i) {
        probes.push_back(std::make_unique<Probe>(hv::CpuId{static_cast<std::uint32_t>(random() % fake::kCpus)}));
        deadlines.push_back(start + 1'000'000 + random() % 50'000'000);
        hv::set_timer(probes.back()->timer, deadlines.back());
    }
    for (int i = 0; i < 2000; i += 3) hv::stop_timer(probes[static_cast<std::size_t>(i)]->timer);
    fake::run_until(start + 100'000'000);
    for (std::size_t i = 0; i < probes.size(); ++i) {
        EXPECT_EQ(probes[i]->fired, i % 3 == 0 ? 0 : 1);
        if (i % 3 != 0) {
            EXPECT_GE(probes[i]->at, deadlines[i]);
            EXPECT_LE(probes[i]->at, deadlines[i] + hv::kTimerSlop);
        }
    }
}

// Handlers take time, in which the CPU can do nothing else: not all of those that are due at once run in one interrupt.
TEST_F(TimerQueue, ManyAtOnceInterruptMoreThanOnce) {
    constexpr unsigned kTimers = 40;
    constexpr hv::Nanoseconds kEach = 30'000;
    struct Slow {
        hv::Timer timer;
        unsigned fired = 0;
    };
    std::vector<Slow> all(kTimers);
    for (Slow& slow : all) {
        hv::init_timer(
            slow.timer,
            [](void* argument) {
                ++static_cast<Slow*>(argument)->fired;
                fake::set_now(fake::now() + kEach);
            },
            &slow, hv::CpuId{0});
        hv::set_timer(slow.timer, start + 1000);
    }
    fake::set_now(start + 1000);
    hv::time::timer_interrupt();
    const auto fired = std::count_if(all.begin(), all.end(), [](const Slow& slow) { return slow.fired != 0; });
    EXPECT_GE(fired, 1);
    EXPECT_LT(fired, kTimers / 2);
    fake::run_until(start + 1000 + 2 * kTimers * kEach);
    for (Slow& slow : all) {
        EXPECT_EQ(slow.fired, 1u);
        hv::kill_timer(slow.timer);
    }
}

TEST_F(TimerQueue, ConcurrentUseOfOneTimer) {
    Probe probe;
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (hv::CpuId cpu{1}; cpu.raw < 4; ++cpu) {
        threads.emplace_back([&, cpu] {
            fake::on_cpu(cpu);
            std::mt19937 random{cpu.raw};
            while (!stop) {
                switch (random() % 4) {
                    case 0: hv::set_timer(probe.timer, start + random() % 1000); break;
                    case 1: hv::stop_timer(probe.timer); break;
                    case 2: hv::migrate_timer(probe.timer, hv::CpuId{static_cast<std::uint32_t>(random() % 4)}); break;
                    case 3: hv::time::timer_interrupt(); break;
                }
            }
        });
    }
    for (int i = 0; i < 20'000; ++i) hv::time::timer_interrupt();
    stop = true;
    for (std::thread& thread : threads) thread.join();
    hv::kill_timer(probe.timer);
    EXPECT_FALSE(hv::timer_pending(probe.timer));
    fake::settle();
}

}  // namespace
