// What may be done to a domain that a job works on: the whole table, and that its verdicts are acted upon.
#include "domain/conflicts.hpp"

#include "domain/store_entries.hpp"
#include "testing.hpp"

namespace hvctld::test {
namespace {

constexpr std::array kJobs{Verb::Create,    Verb::Start,     Verb::Restart,    Verb::Reboot,     Verb::Shutdown,
                           Verb::Destroy,   Verb::CleanUp,   Verb::AttachDisk, Verb::DetachDisk, Verb::ResizeDisk,
                           Verb::AttachNic, Verb::DetachNic, Verb::ChangeNic,  Verb::DumpCore,   Verb::StopAll};

char letter(Conflict verdict) {
    switch (verdict) {
        case Conflict::Refuse: return '.';
        case Conflict::Queue: return 'q';
        case Conflict::Join: return 'j';
        case Conflict::Supersede: return 's';
        case Conflict::Beside: return 'b';
        case Conflict::WhileItWaits: return 'w';
    }
    return '?';
}

// A line for each job that is there, a column for each verb that is asked, in the order of Verb: create, start,
// restart, reboot, shutdown, destroy, clean up, attach disk, detach disk, resize disk, attach nic, detach nic, change
// nic, dump core, create volume, import volume, resize volume, delete volume, stop all; pause, unpause, pin, forget,
// sysrq, rename.
TEST(Conflicts, Table) {
    std::string table;
    for (const Verb present : kJobs) {
        for (std::uint8_t asked = 0; asked <= static_cast<std::uint8_t>(kLastVerb); ++asked)
            table += letter(conflict(present, static_cast<Verb>(asked)));
        table += "\n";
    }
    EXPECT_EQ(table,
              "....ss............s..b....\n"    // create
              "....ss............s..b....\n"    // start
              "....ss............s..b....\n"    // restart
              "...jss............swwb.w.w\n"    // reboot
              "....js............jwwb.w.w\n"    // shutdown
              ".q..jj............j..b....\n"    // destroy
              ".q..jj............j..b....\n"    // clean up
              "....ss.qqqqqq.....sbbb.b.b\n"    // attach disk
              "....ss.qqqqqq.....sbbb.b.b\n"    // detach disk
              "....ss.qqqqqq.....sbbb.b.b\n"    // resize disk
              "....ss.qqqqqq.....sbbb.b.b\n"    // attach nic
              "....ss.qqqqqq.....sbbb.b.b\n"    // detach nic
              "....ss.qqqqqq.....sbbb.b.b\n"    // change nic
              "....ss............s..b....\n"    // dump core
              "....bbb.bb.b......jbbbbb.b\n");  // stop all
}

class Conflicting : public HostTest {
  protected:
    [[nodiscard]] JobRecord record(JobId id) const {
        for (const JobRecord& job : process->manager->jobs().list()) {
            if (job.id == id) return job;
        }
        return {};
    }
    JobId begin_destroy() {
        hypervisor.destroy_retries = 3;
        const JobId job = process->manager->destroy("web1").value();
        process->run_until([&] { return record(job).phase == JobPhase::Free; });
        return job;
    }
};

TEST_F(Conflicting, AStartWaitsForAnEnd) {
    process->finish(create(definition("web1")));
    const std::uint16_t before = domid("web1");
    const JobId destroy = begin_destroy();
    const auto start = process->manager->start("web1", false);
    ASSERT_TRUE(start) << start.error().text();
    EXPECT_NE(*start, destroy);
    EXPECT_EQ(process->finish(start).state, JobState::Done);
    EXPECT_EQ(record(destroy).state, JobState::Done);
    EXPECT_EQ(view("web1").state, "running");
    EXPECT_NE(domid("web1"), before);
    EXPECT_EQ(guests(), 1u);
}

TEST_F(Conflicting, AStartThatWaitsForAnEndIsRefusedASecondTime) {
    process->finish(create(definition("web1")));
    begin_destroy();
    const auto start = process->manager->start("web1", false);
    EXPECT_EQ(process->manager->start("web1", false).error().id(), ErrorId::Busy);
    EXPECT_EQ(process->finish(start).state, JobState::Done);
}

TEST_F(Conflicting, AnEndCallsOffAStartThatWaitsForAnother) {
    process->finish(create(definition("web1")));
    const JobId first = begin_destroy();
    const auto start = process->manager->start("web1", false);
    const auto second = process->manager->destroy("web1");
    ASSERT_TRUE(second) << second.error().text();
    EXPECT_EQ(process->finish(second).state, JobState::Done);
    process->settle();
    EXPECT_EQ(record(first).state, JobState::Done);
    EXPECT_EQ(record(*start).state, JobState::Cancelled);
    EXPECT_EQ(view("web1").state, "stopped");
    EXPECT_EQ(guests(), 0u);
}

TEST_F(Conflicting, AStartThatWaitsCanBeCancelled) {
    process->finish(create(definition("web1"), {.ephemeral = true}));
    const JobId destroy = begin_destroy();
    const auto start = process->manager->start("web1", false);
    ASSERT_TRUE(process->manager->jobs().cancel(*start));
    EXPECT_EQ(process->finish(start).state, JobState::Cancelled);
    EXPECT_EQ(process->manager->destroy("web1").value(), destroy);
    process->finish(destroy);
    process->settle();
    EXPECT_EQ(guests(), 0u);
    EXPECT_FALSE(process->manager->get("web1"));
}

// An end that fails leaves a domain that nothing may be put in the place of.
TEST_F(Conflicting, AStartBehindAnEndThatFailsFails) {
    process->finish(create(definition("web1")));
    const JobId destroy = begin_destroy();
    const auto start = process->manager->start("web1", false);
    hypervisor.fail_at = [](const std::string& call) -> hvctl::Result<void> {
        if (call == "destroy_domain") return hvctl::fail(hvctl::ErrorCode::Io, "broken");
        return {};
    };
    const JobRecord over = process->finish(start);
    EXPECT_EQ(record(destroy).state, JobState::Failed);
    EXPECT_EQ(over.error, static_cast<std::uint16_t>(ErrorId::WrongState)) << over.message;
    EXPECT_EQ(view("web1").state, "dying");
    hypervisor.fail_at = nullptr;
    EXPECT_EQ(process->finish(process->manager->destroy("web1")).state, JobState::Done);
    EXPECT_EQ(guests(), 0u);
}

TEST_F(Conflicting, KilledWhileAStartWaitsForAnEnd) {
    process->finish(create(definition("web1")));
    const std::uint16_t before = domid("web1");
    const JobId destroy = begin_destroy();
    const auto start = process->manager->start("web1", false);
    abandon();
    EXPECT_EQ(process->finish(start).state, JobState::Done);
    process->settle();
    EXPECT_EQ(record(destroy).state, JobState::Done);
    EXPECT_NE(domid("web1"), before);
    EXPECT_EQ(view("web1").state, "running");
    EXPECT_EQ(guests(), 1u);
}

// A destroy that has called a start off waits for it, and the next start for both.
TEST_F(Conflicting, AStartWaitsForAnEndThatWaits) {
    process->finish(create(definition("web1")));
    process->finish(process->manager->destroy("web1"));
    std::atomic<bool> building = false;
    std::atomic<bool> go_on = false;
    hypervisor.build_hook = [&] {
        building = true;
        while (!go_on) std::this_thread::yield();
    };
    const auto first = process->manager->start("web1", false);
    process->run_until([&] { return building.load(); });
    const auto destroy = process->manager->destroy("web1");
    process->run_until([&] { return record(*destroy).phase == JobPhase::WaitForOthers; });
    const auto second = process->manager->start("web1", false);
    ASSERT_TRUE(second) << second.error().text();
    hypervisor.build_hook = nullptr;
    go_on = true;
    EXPECT_EQ(process->finish(destroy).state, JobState::Done);
    EXPECT_EQ(process->finish(second).state, JobState::Done);
    EXPECT_EQ(record(*first).state, JobState::Cancelled);
    EXPECT_EQ(view("web1").state, "running");
    EXPECT_EQ(guests(), 1u);
    EXPECT_EQ(process->finish(process->manager->destroy("web1")).state, JobState::Done);
}

// The end of a domain without a kept definition is not its last job while a start waits for it.
TEST_F(Conflicting, KilledBetweenAnEndAndTheStartAfterIt) {
    process->finish(create(definition("web1"), {.ephemeral = true}));
    const std::uint16_t before = domid("web1");
    hypervisor.destroy_retries = 3;
    hypervisor.stop(before, abi::ShutdownReason::Poweroff);
    const auto end = [&] {
        for (const JobRecord& job : process->manager->jobs().list()) {
            if (job.verb == Verb::CleanUp) return job;
        }
        return JobRecord{};
    };
    process->run_until([&] { return end().phase == JobPhase::Free; });
    const auto start = process->manager->start("web1", false);
    ASSERT_TRUE(start) << start.error().text();
    hypervisor.domains.erase(before);  // hv has freed it, and the daemon has not written so
    abandon();
    EXPECT_EQ(process->finish(start).state, JobState::Done);
    process->settle();
    EXPECT_EQ(end().state, JobState::Done);
    EXPECT_EQ(view("web1").state, "running");
    EXPECT_EQ(guests(), 1u);
}

TEST_F(Conflicting, AGuestThatIsAskedToEndCanBePaused) {
    process->finish(create(definition("web1")));
    const auto job = process->manager->shutdown("web1", 300);
    process->run_until([&] { return record(*job).phase == JobPhase::WaitForReaction; });
    EXPECT_TRUE(process->manager->pause("web1"));
    EXPECT_EQ(view("web1").state, "paused");
    EXPECT_TRUE(process->manager->unpause("web1"));
    EXPECT_EQ(process->manager->forget("web1").error().id(), ErrorId::Busy);
    hypervisor.stop(domid("web1"), abi::ShutdownReason::Poweroff);
    EXPECT_EQ(process->finish(job).state, JobState::Done);
}

// The second half of a reboot makes a guest: until that is done, no other job can let it run.
TEST_F(Conflicting, AGuestThatIsMadeAgainCanNot) {
    process->finish(create(definition("web1")));
    const auto job = process->manager->reboot("web1", 300);
    process->run_until([&] { return record(*job).phase == JobPhase::WaitForReaction; });
    std::atomic<bool> building = false;
    std::atomic<bool> go_on = false;
    hypervisor.build_hook = [&] {
        building = true;
        while (!go_on) std::this_thread::yield();
    };
    hypervisor.stop(domid("web1"), abi::ShutdownReason::Reboot);
    process->run_until([&] { return building.load(); });
    EXPECT_EQ(process->manager->unpause("web1").error().id(), ErrorId::Busy);
    EXPECT_TRUE(process->manager->vcpus("web1"));
    EXPECT_TRUE(process->manager->pin("web1", 0, "0", ""));
    go_on = true;
    EXPECT_EQ(process->finish(job).state, JobState::Done);
    hypervisor.build_hook = nullptr;
}

}  // namespace
}  // namespace hvctld::test
