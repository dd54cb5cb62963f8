// The daemon killed with -9 in each phase of a create, a destroy, a reboot and a stop-all: the next one loses no guest,
// leaves none behind, and no job runs for ever.
#include "killed_testing.hpp"

namespace hvctld::test {
namespace {

TEST_F(KilledProgram, ItsGuestsGoOn) {
    start();
    create("web1");
    create("web2");
    daemon.kill();
    start();
    EXPECT_EQ(state_of("web1"), "running");
    EXPECT_EQ(state_of("web2"), "running");
    EXPECT_EQ(properties_of("GetHostInfo").at("domains"), "3");
    EXPECT_EQ(count_in_store("/local/domain"), 3u);
    call("ShutdownDomain", "sa{sv}", "web1");
    wait_for_jobs();
    EXPECT_EQ(state_of("web1"), "stopped");
    EXPECT_EQ(count_in_store("/local/domain"), 2u);
}

// What is asked for, and the job's verb and phase in which the daemon is killed.
struct HoldPoint {
    Verb asked;
    Verb verb;
    JobPhase phase;
};

std::vector<HoldPoint> all_points() {
    using enum JobPhase;
    const std::vector<JobPhase> start{Check, LookForFiles, Remember,         Create,  ClaimMemory,   LoadKernel,
                                      Build, Configure,    IntroduceToStore, Console, RememberGuest, Start};
    const std::vector<JobPhase> ask{AskGuest, WaitForReaction, WaitForStop, Stopped};
    const std::vector<JobPhase> end{Stop, Disconnect, Free};
    std::vector<HoldPoint> points;
    const auto add = [&](Verb asked, Verb verb, const std::vector<JobPhase>& phases) {
        for (const JobPhase phase : phases) points.push_back({asked, verb, phase});
    };
    add(Verb::Create, Verb::Create, start);
    add(Verb::Destroy, Verb::Destroy, {WaitForOthers});
    add(Verb::Destroy, Verb::Destroy, end);
    for (const auto* phases : {&ask, &end, &start}) add(Verb::Reboot, Verb::Reboot, *phases);
    add(Verb::StopAll, Verb::StopAll, {AskGuests});
    for (const auto* phases : {&ask, &end}) add(Verb::StopAll, Verb::Shutdown, *phases);
    return points;
}

class KilledInPhase : public KilledProgram, public testing::WithParamInterface<HoldPoint> {
  protected:
    void ask() {
        switch (GetParam().asked) {
            case Verb::Create: return send("CreateDomain", "ssasa{sv}", definition("web1").c_str());
            case Verb::Destroy: return send("DestroyDomain", "s", "web1");
            case Verb::Reboot: return send("RebootDomain", "sa{sv}", "web1");
            default: return send("StopAllDomains", "a{sv}");
        }
    }
};

TEST_P(KilledInPhase, LosesNothing) {
    const HoldPoint& point = GetParam();
    const bool starts = point.asked == Verb::Create || point.asked == Verb::Reboot;
    if (point.asked != Verb::Create) {
        start();
        create("web1");
        daemon.kill();
    }
    start(fmt::format("{}/{}", to_string(point.verb), to_string(point.phase)));
    ask();
    daemon.wait_for("held");
    daemon.kill();

    start();
    wait_for_jobs();
    EXPECT_EQ(state_of("web1"), starts ? "running" : "stopped");
    const std::size_t domains = starts ? 2 : 1;
    EXPECT_EQ(properties_of("GetHostInfo").at("domains"), std::to_string(domains));
    EXPECT_EQ(count_in_store("/local/domain"), domains);
    EXPECT_EQ(list_of("ListDomains").size(), 2u);  // Domain-0 and web1, and nothing unknown
    // And the name is good for more.
    if (starts) {
        call("DestroyDomain", "s", "web1");
        wait_for_jobs();
    }
    call("StartDomain", "sa{sv}", "web1");
    wait_for_jobs();
    EXPECT_EQ(state_of("web1"), "running");
}

INSTANTIATE_TEST_SUITE_P(Phases, KilledInPhase, testing::ValuesIn(all_points()), [](const auto& each) {
    std::string name =
        fmt::format("{}_{}_{}", to_string(each.param.asked), to_string(each.param.verb), to_string(each.param.phase));
    std::ranges::replace(name, ' ', '_');
    return name;
});

}  // namespace
}  // namespace hvctld::test
