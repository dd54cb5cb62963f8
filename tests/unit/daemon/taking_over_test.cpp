// Ends take a domain from whatever has it: a restart that waits, a build, another end.
#include <atomic>
#include <thread>

#include "domain/store_entries.hpp"
#include "testing.hpp"

namespace hvctld::test {
namespace {

class TakingOver : public HostTest {
  protected:
    [[nodiscard]] std::string job_phase(const std::string& verb) const {
        for (const JobRecord& job : process->manager->jobs().list()) {
            if (to_string(job.verb) == verb && job.state == JobState::Running) return job.phase_text();
        }
        return {};
    }
    // A guest that reboots as soon as it runs, until its restart waits for its turn.
    void loop_reboots() {
        hypervisor.on_unpause = [](FakeDomain& domain) {
            domain.info.flags |= abi::kDomainShutdown;
            domain.info.shutdown_reason = static_cast<std::uint32_t>(abi::ShutdownReason::Reboot);
        };
        process->finish(create(definition("web1")));
        process->run_until([&] { return job_phase("restart") == "back off"; });
    }
    // A create that is in the middle of its build until go_on is set.
    Result<JobId> create_slowly() {
        hypervisor.build_hook = [this] {
            building = true;
            while (!go_on) std::this_thread::yield();
        };
        const auto job = create(definition("web1"));
        process->run_until([&] { return building.load(); });
        return job;
    }
    void let_go() {
        go_on = true;
        process->settle();
        hypervisor.build_hook = nullptr;
    }

    std::atomic<bool> building = false;
    std::atomic<bool> go_on = false;
};

TEST_F(TakingOver, DestroyEndsAPendingRestart) {
    loop_reboots();
    EXPECT_EQ(process->finish(process->manager->destroy("web1")).state, JobState::Done);
    process->settle();
    EXPECT_EQ(guests(), 0u);
    EXPECT_EQ(view("web1").state, "stopped");
    EXPECT_EQ(view("web1").shutdown_reason, "destroyed");
}

TEST_F(TakingOver, ShutdownEndsAPendingRestart) {
    loop_reboots();
    EXPECT_EQ(process->finish(process->manager->shutdown("web1", 300)).state, JobState::Done);
    process->settle();
    EXPECT_EQ(guests(), 0u);
    EXPECT_EQ(view("web1").state, "stopped");
}

TEST_F(TakingOver, StopAllEndsAPendingRestart) {
    loop_reboots();
    EXPECT_EQ(process->finish(process->manager->stop_all(300)).state, JobState::Done);
    process->settle();
    EXPECT_EQ(guests(), 0u);
}

TEST_F(TakingOver, DestroyEndsARunningBuild) {
    const auto create = create_slowly();
    const auto destroy = process->manager->destroy("web1");
    ASSERT_TRUE(destroy) << destroy.error().text();
    EXPECT_EQ(process->manager->destroy("web1").value(), *destroy);
    let_go();
    EXPECT_EQ(process->finish(destroy).state, JobState::Done);
    EXPECT_EQ(process->finish(create).state, JobState::Cancelled);
    process->settle();
    EXPECT_EQ(guests(), 0u);
    EXPECT_FALSE(process->manager->get("web1"));  // it never came to life
}

TEST_F(TakingOver, DestroyTakesOverAShutdownThatWaitsForABuild) {
    create_slowly();
    const auto shutdown = process->manager->shutdown("web1", 300);
    ASSERT_TRUE(shutdown) << shutdown.error().text();
    process->run_until([&] { return job_phase("shutdown") == "wait for what was under way"; });
    const auto destroy = process->manager->destroy("web1");
    for (int i = 0; i < 20; ++i) process->loop->run_once(false);
    EXPECT_EQ(job_phase("destroy"), "wait for what was under way");
    let_go();
    EXPECT_EQ(process->finish(destroy).state, JobState::Done);
    EXPECT_EQ(process->finish(shutdown).state, JobState::Cancelled);
    EXPECT_EQ(guests(), 0u);
}

TEST_F(TakingOver, KilledWhileItWaitsForABuild) {
    create_slowly();
    const auto destroy = process->manager->destroy("web1");
    go_on = true;
    hypervisor.build_hook = nullptr;
    abandon();
    process->settle();
    EXPECT_EQ(process->finish(destroy).state, JobState::Done);
    EXPECT_EQ(guests(), 0u);
    EXPECT_FALSE(process->manager->get("web1"));
}

// A create that was killed when all was done but to let its guest run.
class BeforeTheFirstInstruction : public TakingOver {
  protected:
    BeforeTheFirstInstruction() {
        hypervisor.fail_at = [](const std::string& call) -> hvctl::Result<void> {
            if (call == "unpause_domain") throw Killed{};
            return {};
        };
        EXPECT_THROW(process->finish(create(definition("web1"))), Killed);
        record = process->registry->jobs().rbegin()->second;
        EXPECT_EQ(record.phase, JobPhase::Start);
    }
    // The next process ends the guest, which would wait for ever if it was asked to end.
    void expect_nothing_left(JobId job, JobState state) {
        abandon();
        EXPECT_EQ(process->finish(job).state, state);
        process->settle();
        EXPECT_EQ(guests(), 0u);
    }

    JobRecord record;
};

TEST_F(BeforeTheFirstInstruction, TheCreateHadBeenCalledOff) {
    record.error = static_cast<std::uint16_t>(ErrorId::Cancelled);
    ASSERT_TRUE(process->registry->save(record));
    expect_nothing_left(record.id, JobState::Cancelled);
    EXPECT_FALSE(process->manager->get("web1"));
}

TEST_F(BeforeTheFirstInstruction, AShutdownHadCalledItOff) {
    JobRecord shutdown;
    shutdown.verb = Verb::Shutdown;
    shutdown.domain = "web1";
    shutdown.state = JobState::Running;
    shutdown.phase = JobPhase::WaitForOthers;
    ASSERT_TRUE(process->registry->add(shutdown));
    expect_nothing_left(shutdown.id, JobState::Done);
}

TEST_F(TakingOver, ASecondShutdownJoinsTheFirst) {
    process->finish(create(definition("web1")));
    const auto first = process->manager->shutdown("web1", 300);
    EXPECT_EQ(process->manager->shutdown("web1", 300).value(), *first);
    process->run_until([&] { return job_phase("shutdown") == "wait for the guest to react"; });
    hypervisor.stop(domid("web1"), abi::ShutdownReason::Poweroff);
    EXPECT_EQ(process->finish(first).state, JobState::Done);
}

TEST_F(TakingOver, ShutdownTakesOverAReboot) {
    process->finish(create(definition("web1")));
    const auto reboot = process->manager->reboot("web1", 300);
    process->run_until([&] { return job_phase("reboot") == "wait for the guest to react"; });
    const auto shutdown = process->manager->shutdown("web1", 300);
    process->run_until([&] { return job_phase("shutdown") == "wait for the guest to react"; });
    EXPECT_EQ(process->store->read(domain_path(domid("web1")) + "/control/shutdown").value(), "poweroff");
    EXPECT_EQ(process->manager->reboot("web1", 300).error().id(), ErrorId::Busy);
    hypervisor.stop(domid("web1"), abi::ShutdownReason::Poweroff);
    EXPECT_EQ(process->finish(shutdown).state, JobState::Done);
    EXPECT_EQ(process->finish(reboot).state, JobState::Cancelled);
}

// Once the guest's store and console are gone, there is no way back.
TEST_F(TakingOver, ADestroyCannotBeCalledOffHalfWay) {
    process->finish(create(definition("web1")));
    hypervisor.destroy_retries = 3;
    const auto destroy = process->manager->destroy("web1");
    process->run_until([&] { return job_phase("destroy") == "free"; });
    EXPECT_EQ(process->manager->jobs().cancel(*destroy).error().id(), ErrorId::WrongState);
    EXPECT_EQ(process->finish(destroy).state, JobState::Done);
    EXPECT_EQ(guests(), 0u);
}

TEST_F(TakingOver, AFailedDestroyLeavesNothingThatRunsBlind) {
    process->finish(create(definition("web1")));
    hypervisor.fail_at = [](const std::string& call) -> hvctl::Result<void> {
        if (call == "destroy_domain") return hvctl::fail(hvctl::ErrorCode::Io, "broken");
        return {};
    };
    EXPECT_EQ(process->finish(process->manager->destroy("web1")).state, JobState::Failed);
    hypervisor.fail_at = nullptr;
    EXPECT_EQ(view("web1").state, "dying");
    EXPECT_EQ(process->manager->unpause("web1").error().id(), ErrorId::WrongState);
    EXPECT_EQ(process->manager->shutdown("web1", 300).error().id(), ErrorId::WrongState);
    EXPECT_EQ(process->finish(process->manager->destroy("web1")).state, JobState::Done);
    EXPECT_EQ(guests(), 0u);
}

TEST_F(TakingOver, UnpauseOfACrashedGuestSaysSo) {
    process->finish(create(definition("web1", "on_crash: preserve\n")));
    hypervisor.stop(domid("web1"), abi::ShutdownReason::Crash);
    process->run_until([&] { return view("web1").state == "crashed"; });
    process->settle();
    const auto unpaused = process->manager->unpause("web1");
    ASSERT_FALSE(unpaused);
    EXPECT_NE(unpaused.error().message().find("crash"), std::string::npos);
}

// Builds that hang, as many as the pool has threads and more: what ends guests finds a thread all the same.
TEST_F(TakingOver, BuildsDoNotHoldUpEnds) {
    process->finish(create(definition("web1")));
    hypervisor.build_hook = [this] {
        while (!go_on) std::this_thread::yield();
    };
    constexpr int kBuilds = 12;
    for (int i = 0; i < kBuilds; ++i) ASSERT_TRUE(create(definition("slow" + std::to_string(i))));
    process->run_until([&] { return process->manager->jobs().list().back().phase == JobPhase::LoadKernel; });
    EXPECT_EQ(process->finish(process->manager->destroy("web1")).state, JobState::Done);
    // One that waits for its turn is called off at once.
    const std::string last = "slow" + std::to_string(kBuilds - 1);
    EXPECT_EQ(process->finish(process->manager->destroy(last)).state, JobState::Done);
    let_go();
    EXPECT_EQ(guests(), static_cast<std::size_t>(kBuilds - 1));
}

}  // namespace
}  // namespace hvctld::test
