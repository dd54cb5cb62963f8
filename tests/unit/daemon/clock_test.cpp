// The wall clock is set forward and back: nothing that is counted or waited for may notice.
#include "base/clock.hpp"
#include "testing.hpp"

namespace hvctld::test {
namespace {

constexpr std::int64_t kDayUs = 24ll * 60 * 60 * 1'000'000;

class WallClock : public HostTest, public testing::WithParamInterface<std::int64_t> {
  protected:
    ~WallClock() override { step_realtime(-GetParam()); }
    static void step() { step_realtime(GetParam()); }
};

TEST_P(WallClock, TheLimitOfRestartsHolds) {
    process->finish(create(definition("web1", "restart: {max: 1, window: 1h}\n")));
    const std::uint16_t first = domid("web1");
    hypervisor.stop(first, abi::ShutdownReason::Crash);
    process->run_until([&] { return view("web1").state == "running" && domid("web1") != first; });
    process->settle();
    step();
    hypervisor.stop(domid("web1"), abi::ShutdownReason::Crash);
    process->run_until([&] { return guests() == 0; });
    process->settle();
    EXPECT_EQ(view("web1").state, "crashloop");
}

TEST_P(WallClock, AShortRunIsStartedAgainAfterAPause) {
    process->finish(create(definition("web1")));
    const std::uint16_t first = domid("web1");
    step();
    hypervisor.stop(first, abi::ShutdownReason::Reboot);
    process->run_until([&] { return process->manager->jobs().list().back().phase == JobPhase::BackOff; });
    process->settle();
    EXPECT_EQ(view("web1").state, "running");
    EXPECT_NE(domid("web1"), first);
}

TEST_P(WallClock, AGuestThatShutsDownKeepsItsTime) {
    process->finish(create(definition("web1")));
    const auto job = process->manager->shutdown("web1", 3600);
    ASSERT_TRUE(job) << job.error().text();
    const auto all = process->manager->stop_all(3600);
    ASSERT_TRUE(all) << all.error().text();
    step();
    bool looked = false;
    Timer later{*process->loop};
    later.start(100, [&] { looked = true; });  // for whatever the step sets off
    process->run_until([&] { return looked; });
    EXPECT_EQ(guests(), 1u);
    hypervisor.stop(domid("web1"), abi::ShutdownReason::Poweroff);
    EXPECT_EQ(process->finish(job).state, JobState::Done);
    EXPECT_EQ(process->finish(all).state, JobState::Done);
    EXPECT_EQ(view("web1").shutdown_reason, "poweroff");
}

INSTANTIATE_TEST_SUITE_P(Steps, WallClock, testing::Values(kDayUs, -kDayUs),
                         [](const auto& each) { return each.param > 0 ? "Forward" : "Back"; });

}  // namespace
}  // namespace hvctld::test
