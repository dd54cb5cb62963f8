// How long an idle CPU looks for work before it sleeps.
#include "hv/sched/idle_poll.hpp"

#include <gtest/gtest.h>

namespace {

using hv::IdlePoll;

TEST(IdlePoll, BeginsAsleep) {
    EXPECT_EQ(IdlePoll{}.window(), 0);
}

TEST(IdlePoll, ShortWaitsOpenTheWindowStepByStepAndNoFurther) {
    IdlePoll poll;
    hv::Nanoseconds before = 0;
    for (int i = 0; i < 5; ++i) {
        poll.waited(IdlePoll::kLongest);
        EXPECT_GT(poll.window(), before);
        before = poll.window();
    }
    EXPECT_EQ(poll.window(), IdlePoll::kLongest);
    poll.waited(1);
    EXPECT_EQ(poll.window(), IdlePoll::kLongest);
}

TEST(IdlePoll, OneLongWaitAmongShortOnesDoesNotCloseIt) {
    IdlePoll poll;
    for (int i = 0; i < 5; ++i) poll.waited(1'000);
    poll.waited(hv::Nanoseconds{4'000'000});
    EXPECT_GT(poll.window(), 0);
    poll.waited(1'000);
    EXPECT_EQ(poll.window(), IdlePoll::kLongest);
}

TEST(IdlePoll, LongWaitsCloseIt) {
    IdlePoll poll;
    for (int i = 0; i < 5; ++i) poll.waited(1'000);
    for (int i = 0; i < 5; ++i) poll.waited(IdlePoll::kLongest + 1);
    EXPECT_EQ(poll.window(), 0);
}

// Ticks alone never make a CPU look.
TEST(IdlePoll, TicksLetItSleep) {
    IdlePoll poll;
    for (int i = 0; i < 1'000; ++i) {
        poll.waited(hv::Nanoseconds{1'000'000});
        ASSERT_EQ(poll.window(), 0);
    }
}

}  // namespace
