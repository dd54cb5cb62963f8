// All but the one CPU that works only wait: also the one that asked for the standstill, whose request the others may
// find before it has sent the last of its interrupts.
#include "hv/x86/smp/standstill.hpp"

#include <gtest/gtest.h>

#include "tests/unit/smp/cpus.hpp"

namespace {

struct Seen {
    int times = 0;
    bool was_sending = false;
};

void look(void* argument) {
    auto& seen = *static_cast<Seen*>(argument);
    ++seen.times;
    seen.was_sending = seen.was_sending || cpus::sending();
}

TEST(Standstill, NobodySendsWhileOneWorks) {
    for (const unsigned count : {1u, 2u, 5u}) {
        Seen seen;
        cpus::run(count, cpus::Others::Spin, [&seen] {
            cpus::delay_interrupts(std::chrono::milliseconds{20});
            hv::x86::at_standstill(look, &seen);
        });
        EXPECT_EQ(seen.times, 1) << count;
        EXPECT_FALSE(seen.was_sending) << count;
    }
}

struct Turns {
    std::vector<hv::CpuId> taken;
    std::size_t before_work = 0;
};

TEST(Standstill, EveryCpuHasItsTurnBeforeTheWork) {
    for (const unsigned count : {1u, 2u, 5u}) {
        Turns turns;
        cpus::run(count, cpus::Others::Spin, [&turns] {
            hv::x86::at_standstill_by_turns(
                [](void* argument) { static_cast<Turns*>(argument)->taken.push_back(hv::current_cpu()); },
                [](void* argument) {
                    auto& all = *static_cast<Turns*>(argument);
                    all.before_work = all.taken.size();
                },
                &turns);
        });
        ASSERT_EQ(turns.taken.size(), count);
        EXPECT_EQ(turns.before_work, count);
        for (hv::CpuId cpu : hv::ids<hv::CpuId>(count)) EXPECT_EQ(turns.taken[cpu.raw], cpu);
    }
}

TEST(Standstill, AnInterruptThatIsLostIsSentAgain) {
    Seen seen;
    cpus::run(4, cpus::Others::Sleep, [&seen] {
        cpus::lose_interrupts(5);
        hv::x86::at_standstill(look, &seen);
    });
    EXPECT_EQ(seen.times, 1);
    EXPECT_FALSE(seen.was_sending);
}

}  // namespace
