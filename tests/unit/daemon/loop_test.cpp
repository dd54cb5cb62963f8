// The event loop.
#include "base/loop.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

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

}  // namespace
}  // namespace hvctld::test
