// A registry whose file takes nothing, because its disk is full or another process has it locked: guests end all the
// same, none starts, and afterwards the file has everything.
#include <algorithm>

#include "testing.hpp"

namespace hvctld::test {
namespace {

class FullDisk : public HostTest {
  protected:
    void fill() {
        process->registry->before_write = [] { return Result<void>{fail(ErrorId::Io, "database or disk is full")}; };
        (void)process->registry->set_fact("noticed", "yes");
        process->run_until([&] { return process->manager->registry_trouble().find("is full") != std::string::npos; });
    }
    void make_room() { process->registry->before_write = nullptr; }
    void wait_for_records() {
        process->run_until([&] { return process->manager->registry_trouble().empty(); });
    }
};

TEST_F(FullDisk, DestroyAndShutdownNeedNoRecord) {
    process->finish(create(definition("a")));
    process->finish(create(definition("b")));
    process->finish(create(definition("c"), {.ephemeral = true}));
    fill();
    EXPECT_NE(process->manager->registry_trouble().find("make room"), std::string::npos);
    EXPECT_EQ(process->finish(process->manager->destroy("a")).state, JobState::Done);
    const auto shutdown = process->manager->shutdown("b", 300);
    hypervisor.stop(domid("b"), abi::ShutdownReason::Poweroff);
    EXPECT_EQ(process->finish(shutdown).state, JobState::Done);
    EXPECT_EQ(process->finish(process->manager->destroy("c")).state, JobState::Done);
    process->settle();
    EXPECT_EQ(guests(), 0u);
    EXPECT_FALSE(process->manager->get("c"));
    EXPECT_EQ(process->manager->jobs().list().back().state, JobState::Done);
    EXPECT_TRUE(process->manager->health());  // or systemd would end the daemon
    make_room();
    wait_for_records();
    restart();
    EXPECT_EQ(view("a").shutdown_reason, "destroyed");
    EXPECT_EQ(view("b").shutdown_reason, "poweroff");
    EXPECT_FALSE(process->manager->get("c"));
    EXPECT_TRUE(process->manager->jobs().idle());
}

TEST_F(FullDisk, TheHostGoesDownInOrder) {
    process->finish(create(definition("a")));
    process->finish(create(definition("deaf")));
    fill();
    const auto job = process->manager->stop_all(1);
    hypervisor.stop(domid("a"), abi::ShutdownReason::Poweroff);
    EXPECT_EQ(process->finish(job).state, JobState::Done);
    EXPECT_EQ(guests(), 0u);
}

TEST_F(FullDisk, NothingIsStartedAndNothingIsLeft) {
    process->finish(create(definition("a")));
    process->finish(process->manager->destroy("a"));
    fill();
    const auto refused = create(definition("web1"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().id(), ErrorId::NoRecord);
    EXPECT_EQ(process->manager->start("a", false).error().id(), ErrorId::NoRecord);
    EXPECT_EQ(process->manager->forget("a").error().id(), ErrorId::NoRecord);
    EXPECT_FALSE(process->manager->get("web1"));
    make_room();
    wait_for_records();
    EXPECT_EQ(process->finish(create(definition("web1"))).state, JobState::Done);
    EXPECT_EQ(process->finish(process->manager->start("a", false)).state, JobState::Done);
}

TEST_F(FullDisk, ADiskThatFillsUpDuringACreateUndoesIt) {
    hypervisor.fail_at = [this](const std::string& call) -> hvctl::Result<void> {
        if (call == "set_sched_parameters") fill();
        return {};
    };
    const JobRecord job = process->finish(create(definition("web1")));
    EXPECT_EQ(job.error, static_cast<std::uint16_t>(ErrorId::NoRecord)) << job.message;
    hypervisor.fail_at = nullptr;
    process->settle();
    EXPECT_EQ(guests(), 0u);
    EXPECT_FALSE(process->manager->get("web1"));
    make_room();
    wait_for_records();
    EXPECT_TRUE(process->registry->domains().value().empty());
}

TEST_F(FullDisk, ACrashedGuestIsCleanedUpNowAndStartedLater) {
    process->finish(create(definition("web1", "restart: {max: 5, window: 1h}\n")));
    const std::uint16_t before = domid("web1");
    fill();
    hypervisor.stop(before, abi::ShutdownReason::Crash);
    process->run_until([&] { return guests() == 0 && view("web1").state == "starting"; });
    process->run_until([&] { return process->manager->jobs().list().back().phase == JobPhase::Remember; });
    make_room();
    process->settle();
    EXPECT_EQ(view("web1").state, "running");
    EXPECT_NE(domid("web1"), before);
}

TEST_F(FullDisk, ARestartThatWaitsForRoomCanBeDestroyed) {
    process->finish(create(definition("web1")));
    fill();
    hypervisor.stop(domid("web1"), abi::ShutdownReason::Reboot);
    process->run_until([&] { return process->manager->jobs().list().back().phase == JobPhase::Remember; });
    EXPECT_EQ(process->finish(process->manager->destroy("web1")).state, JobState::Done);
    EXPECT_EQ(guests(), 0u);
}

TEST_F(FullDisk, AutostartWaitsForRoom) {
    (void)folder.file("a.yaml", definition("web1", "autostart: true\n"));
    process->finish(create(definition("web2", "autostart: true\n")));
    process->finish(process->manager->destroy("web2"));
    fill();
    process->manager->autostart(folder / "");
    process->run_until([&] {
        return std::ranges::count(process->manager->jobs().list(), JobPhase::Remember, &JobRecord::phase) == 2;
    });
    EXPECT_EQ(guests(), 0u);
    // The next daemon begins again: nothing of it is in the file.
    abandon();
    process->manager->autostart(folder / "");
    process->settle();
    EXPECT_EQ(view("web1").state, "running");
    EXPECT_EQ(view("web2").state, "running");
}

TEST_F(FullDisk, AutostartGoesOnWhenThereIsRoom) {
    (void)folder.file("a.yaml", definition("web1", "autostart: true\n"));
    fill();
    process->manager->autostart(folder / "");
    EXPECT_EQ(view("web1").state, "starting");
    make_room();
    process->settle();
    EXPECT_EQ(view("web1").state, "running");
}

TEST_F(FullDisk, KilledMeanwhile) {
    process->finish(create(definition("web1")));
    process->finish(create(definition("web2")));
    fill();
    EXPECT_EQ(process->finish(process->manager->destroy("web1")).state, JobState::Done);
    abandon();
    process->settle();
    EXPECT_EQ(view("web1").shutdown_reason, "gone");
    EXPECT_EQ(view("web2").state, "running");
    EXPECT_EQ(guests(), 1u);
}

TEST_F(FullDisk, ALockOfSomebodyElseIsWaitedOut) {
    process->finish(create(definition("web1")));
    const auto other = Database::open(folder / "state.db");
    ASSERT_TRUE((*other)->execute("BEGIN IMMEDIATE"));
    EXPECT_EQ(process->finish(process->manager->destroy("web1")).state, JobState::Done);
    const auto job = create(definition("web2"));
    ASSERT_TRUE(job) << job.error().text();
    process->run_until([&] { return process->manager->jobs().list().back().phase == JobPhase::Remember; });
    EXPECT_EQ(guests(), 0u);
    ASSERT_TRUE((*other)->execute("COMMIT"));
    EXPECT_EQ(process->finish(job).state, JobState::Done);
    EXPECT_EQ(guests(), 1u);
}

}  // namespace
}  // namespace hvctld::test
