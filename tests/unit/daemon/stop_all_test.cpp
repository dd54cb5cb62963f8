// The host goes down: all guests end in order, and nothing starts meanwhile.
#include "domain/store_entries.hpp"
#include "testing.hpp"

namespace hvctld::test {
namespace {

class StopAll : public HostTest {
  protected:
    [[nodiscard]] std::string request(const std::string& name) {
        return process->store->read(domain_path(domid(name)) + "/control/shutdown").value_or("(missing)");
    }
    void obey(const std::string& name, abi::ShutdownReason reason = abi::ShutdownReason::Poweroff) {
        ASSERT_TRUE(process->store->write(domain_path(domid(name)) + "/control/shutdown", ""));
        hypervisor.stop(domid(name), reason);
    }
    std::string phase(JobId id) {
        for (const JobRecord& job : process->manager->jobs().list()) {
            if (job.id == id) return job.phase_text();
        }
        return {};
    }
};

TEST_F(StopAll, AsksSideBySideAndWaits) {
    process->finish(create(definition("a")));
    process->finish(create(definition("b")));
    const JobId job = process->manager->stop_all(300).value();
    process->run_until([&] { return request("a") == "poweroff" && request("b") == "poweroff"; });
    process->run_until([&] { return phase(job) == "wait for 2 guests: a, b"; });
    obey("b");
    process->run_until([&] { return phase(job) == "wait for 1 guest: a"; });
    EXPECT_EQ(create(definition("c")).error().id(), ErrorId::Busy);
    EXPECT_EQ(process->manager->stop_all(300).value(), job);  // a second caller waits for the same
    obey("a");
    EXPECT_EQ(process->finish(job).state, JobState::Done);
    EXPECT_EQ(guests(), 0u);
    EXPECT_EQ(view("a").shutdown_reason, "poweroff");
    EXPECT_EQ(process->finish(create(definition("c"))).state, JobState::Done);
}

TEST_F(StopAll, WithoutGuestsItIsDone) {
    EXPECT_EQ(process->finish(process->manager->stop_all({})).state, JobState::Done);
}

TEST_F(StopAll, DestroysWhatDoesNotListen) {
    process->finish(create(definition("deaf")));
    process->finish(create(definition("unborn"), {.paused = true}));
    EXPECT_EQ(process->finish(process->manager->stop_all(1)).state, JobState::Done);
    EXPECT_EQ(guests(), 0u);
    EXPECT_EQ(view("deaf").shutdown_reason, "destroyed");
}

TEST_F(StopAll, PausedGuestsGoOnToShutDown) {
    process->finish(create(definition("a")));
    ASSERT_TRUE(process->manager->pause("a"));
    const JobId job = process->manager->stop_all(300).value();
    process->run_until([&] { return request("a") == "poweroff"; });
    EXPECT_EQ(view("a").state, "running");
    obey("a");
    EXPECT_EQ(process->finish(job).state, JobState::Done);
}

TEST_F(StopAll, NothingStartsAgain) {
    process->finish(create(definition("a", "on_poweroff: restart\n")));
    process->finish(create(definition("b", "on_poweroff: preserve\n")));
    process->finish(create(definition("c")));
    const JobId job = process->manager->stop_all(300).value();
    process->run_until([&] { return request("a") == "poweroff" && request("c") == "poweroff"; });
    obey("a");
    obey("b");
    obey("c", abi::ShutdownReason::Reboot);
    EXPECT_EQ(process->finish(job).state, JobState::Done);
    EXPECT_EQ(guests(), 0u);
}

TEST_F(StopAll, EndsWhatIsBeingStarted) {
    process->finish(create(definition("a")));
    const JobId reboot = process->manager->reboot("a", 300).value();
    process->run_until([&] { return request("a") == "reboot"; });
    const JobId job = process->manager->stop_all(300).value();
    process->run_until([&] { return request("a") == "poweroff"; });
    obey("a");
    EXPECT_EQ(process->finish(job).state, JobState::Done);
    EXPECT_EQ(process->finish(reboot).state, JobState::Cancelled);
    EXPECT_EQ(guests(), 0u);
}

TEST_F(StopAll, GoesOnAfterAKillOfTheDaemon) {
    process->finish(create(definition("a")));
    const JobId job = process->manager->stop_all(300).value();
    process->run_until([&] { return request("a") == "poweroff"; });
    abandon();
    EXPECT_EQ(create(definition("b")).error().id(), ErrorId::Busy);
    obey("a");
    EXPECT_EQ(process->finish(job).state, JobState::Done);
    EXPECT_EQ(guests(), 0u);
}

TEST_F(StopAll, CanBeCalledOff) {
    process->finish(create(definition("a")));
    const JobId job = process->manager->stop_all(300).value();
    process->run_until([&] { return request("a") == "poweroff"; });
    ASSERT_TRUE(process->manager->jobs().cancel(job));
    EXPECT_EQ(process->finish(job).state, JobState::Cancelled);
    EXPECT_EQ(process->finish(create(definition("b"))).state, JobState::Done);
    obey("a");  // it was asked all the same
}

}  // namespace
}  // namespace hvctld::test
