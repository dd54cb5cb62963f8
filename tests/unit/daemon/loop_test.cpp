// The event loop.
#include "base/loop.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <thread>

#include "domain/pool_lane.hpp"

namespace hvctld::test {
namespace {

using namespace std::chrono_literals;

// The loop reads the clock once a round: in one that takes long, its time is long past.
TEST(Timer, CountsFromWhenItIsSet) {
    Loop loop;
    Timer timer{loop};
    loop.run_once(false);
    std::this_thread::sleep_for(200ms);
    const auto set = std::chrono::steady_clock::now();
    bool fired = false;
    timer.start(100, [&] { fired = true; });
    while (!fired) loop.run_once();
    EXPECT_GE(std::chrono::steady_clock::now() - set, 99ms);  // libuv counts whole milliseconds
}

// What waits in a lane that goes is let go of, and not called.
TEST(PoolLane, TakesWhatWaitsWithIt) {
    Loop loop;
    std::promise<void> go;
    const auto token = std::make_shared<int>(0);
    std::atomic<bool> first_over = false;
    bool second = false;
    {
        PoolLane lane{1};
        lane.run_apart(
            loop,
            [answer = go.get_future().share()]() -> Result<void> {
                answer.wait();
                return {};
            },
            [&](const Result<void>&) { first_over = true; });
        lane.run_apart(
            loop, []() -> Result<void> { return {}; }, [&second, token](const Result<void>&) { second = true; });
        EXPECT_GT(token.use_count(), 1);
    }
    EXPECT_EQ(token.use_count(), 1);
    go.set_value();
    while (!first_over) loop.run_once(true);
    EXPECT_FALSE(second);
}

}  // namespace
}  // namespace hvctld::test
