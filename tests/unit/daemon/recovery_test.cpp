// Restarts of the daemon: in good order, and by kill -9 at each of its calls to hv.
#include <filesystem>

#include "domain/store_entries.hpp"
#include "testing.hpp"

namespace hvctld::test {
namespace {

using Recovery = HostTest;

TEST_F(Recovery, RunningDomainsGoOn) {
    process->finish(create(definition("web1")));
    const DomainView before = view("web1");
    hypervisor.print(*before.domid, "before ");
    process->run_until([&] { return log("web1") == "before "; });
    restart();
    const DomainView after = view("web1");
    EXPECT_EQ(after.state, "running");
    EXPECT_EQ(after.domid, before.domid);
    EXPECT_EQ(after.uuid, before.uuid);
    EXPECT_EQ(hypervisor.bindings(), 3u);
    EXPECT_EQ(process->store->read(domain_path(*after.domid) + "/name").value(), "web1");
    hypervisor.print(*after.domid, "after");
    process->run_until([&] { return log("web1") == "before after"; });
    EXPECT_EQ(process->finish(process->manager->destroy("web1")).state, JobState::Done);
}

TEST_F(Recovery, OutputOfTheTimeBetweenIsNotLost) {
    process->finish(create(definition("web1")));
    const std::uint16_t id = domid("web1");
    process.reset();
    hypervisor.forget_bindings();
    hypervisor.print(id, "nobody listens");
    restart();
    process->run_until([&] { return log("web1") == "nobody listens"; });
}

TEST_F(Recovery, EndsOfTheTimeBetweenAreActedUpon) {
    process->finish(create(definition("web1")));
    process->finish(create(definition("web2")));
    const std::uint16_t one = domid("web1");
    const std::uint16_t two = domid("web2");
    process.reset();
    hypervisor.forget_bindings();
    hypervisor.stop(one, abi::ShutdownReason::Poweroff);
    hypervisor.domains.erase(two);
    restart();
    process->run_until([&] { return view("web1").state == "stopped"; });
    process->settle();
    EXPECT_EQ(view("web2").state, "stopped");
    EXPECT_EQ(view("web2").shutdown_reason, "gone");
    EXPECT_EQ(guests(), 0u);
}

TEST_F(Recovery, StoppedDomainsStayKnown) {
    process->finish(create(definition("web1")));
    process->finish(process->manager->destroy("web1"));
    restart();
    EXPECT_EQ(view("web1").state, "stopped");
    EXPECT_TRUE(console_log("web1"));
}

TEST_F(Recovery, BootOfTheHostEndsEverything) {
    process->finish(create(definition("web1")));
    process.reset();
    hypervisor.domains.erase(1);
    restart("boot-2");
    EXPECT_EQ(view("web1").state, "stopped");
    EXPECT_EQ(view("web1").shutdown_reason, "host-restart");
}

TEST_F(Recovery, UnknownDomainsAreListedAndCanBeDestroyed) {
    hvctl::DomainLimits limits;
    limits.max_frames = 100;
    ASSERT_TRUE(hypervisor.create_domain(abi::DomainType::Pv, {1, 2, 3}, limits));
    restart();
    EXPECT_EQ(view("unknown:1").domid, 1);
    restart();
    EXPECT_EQ(view("unknown:1").domid, 1);
    EXPECT_EQ(process->finish(process->manager->destroy("unknown:1")).state, JobState::Done);
    process->settle();
    EXPECT_EQ(guests(), 0u);
    EXPECT_FALSE(process->manager->get("unknown:1"));
    EXPECT_FALSE(config::problem_with_name("unknown:1").empty());  // so that no definition can be taken for one
}

TEST_F(Recovery, DomainsThatShareAUuidAreLeftAlone) {
    process->finish(create(definition("web1")));
    const std::uint16_t good = domid("web1");
    hvctl::Uuid uuid{};
    std::ranges::copy(hypervisor.domains.at(good).info.uuid, uuid.begin());
    hvctl::DomainLimits limits;
    limits.max_frames = 100;
    ASSERT_TRUE(hypervisor.create_domain(abi::DomainType::Pv, uuid, limits));
    restart();
    EXPECT_EQ(domid("web1"), good);
    EXPECT_EQ(view("web1").state, "running");
    process->settle();
    EXPECT_EQ(guests(), 2u);  // the other one may run, and must not be destroyed unasked
    EXPECT_EQ(view("unknown:2").domid, 2);
}

TEST_F(Recovery, ADomainThatRunsIsNeverTakenForHalfMade) {
    process->finish(create(definition("web1")));
    DomainRecord record = process->registry->domains().value().front();
    record.phase = DomainPhase::Building;  // as if its last record had been lost
    ASSERT_TRUE(process->registry->save(record));
    restart();
    process->settle();
    EXPECT_EQ(view("web1").state, "running");
    EXPECT_EQ(guests(), 1u);
    // Nor when only the UUID is the same.
    record.instance = {};
    ASSERT_TRUE(process->registry->save(record));
    restart();
    process->settle();
    EXPECT_EQ(guests(), 1u);
}

TEST_F(Recovery, ACancelledCreateIsNotGoneOnWith) {
    std::atomic<bool> building = false;
    std::atomic<bool> go_on = false;
    hypervisor.build_hook = [&] {
        building = true;
        while (!go_on) std::this_thread::yield();
    };
    const auto job = create(definition("web1"));
    process->run_until([&] { return building.load(); });
    ASSERT_TRUE(process->manager->jobs().cancel(*job));
    go_on = true;
    hypervisor.build_hook = nullptr;
    abandon();
    process->settle();
    EXPECT_FALSE(process->manager->get("web1"));
    EXPECT_EQ(guests(), 0u);
    EXPECT_EQ(process->manager->jobs().list().back().state, JobState::Cancelled);
}

TEST_F(Recovery, WhatAnEndHasBegunIsEnded) {
    process->finish(create(definition("web1")));
    DomainRecord record = process->registry->domains().value().front();
    record.phase = DomainPhase::Ending;  // its job is not known any more
    record.wanted = false;               // as a destroy leaves it
    ASSERT_TRUE(process->registry->save(record));
    restart();
    EXPECT_EQ(view("web1").state, "dying");
    process->settle();
    EXPECT_EQ(view("web1").state, "stopped");
    EXPECT_EQ(guests(), 0u);
}

TEST_F(Recovery, AnEndBetweenTwoRunsIsFollowedByTheNext) {
    process->finish(create(definition("web1")));
    const std::uint16_t before = domid("web1");
    DomainRecord record = process->registry->domains().value().front();
    record.phase = DomainPhase::Ending;
    ASSERT_TRUE(record.wanted);
    ASSERT_TRUE(process->registry->save(record));
    restart();
    process->settle();
    EXPECT_EQ(view("web1").state, "running");
    EXPECT_NE(domid("web1"), before);
    EXPECT_EQ(guests(), 1u);
}

// hv does not finish by itself the end of a domain that was begun.
TEST_F(Recovery, AnUnknownDomainWhoseEndHasBegunIsEnded) {
    process->finish(create(definition("web1")));
    hypervisor.domains.at(domid("web1")).info.flags |= abi::kDomainDying;
    ASSERT_TRUE(process->registry->forget("web1"));
    restart();
    process->settle();
    EXPECT_EQ(guests(), 0u);
    EXPECT_EQ(process->manager->list()->size(), 1u);  // Dom0
}

// As when /run was full meanwhile.
TEST_F(Recovery, AStoreJournalOfAnEarlierTime) {
    namespace fs = std::filesystem;
    process->finish(create(definition("gone")));
    const std::string ghost = domain_path(domid("gone"));
    fs::copy(folder / "store-boot-1", folder / "earlier");
    process->finish(process->manager->destroy("gone"));
    ASSERT_TRUE(process->manager->forget("gone"));
    process->finish(create(definition("web1")));
    process->run_until([&] { return !process->registry->being_written(); });
    process.reset();
    hypervisor.forget_bindings();
    fs::copy(folder / "earlier", folder / "store-boot-1", fs::copy_options::overwrite_existing);
    process = std::make_unique<Process>(hypervisor, folder, settings);
    ASSERT_TRUE(process->recover());
    EXPECT_FALSE(process->store->exists(ghost));
    EXPECT_EQ(process->store->list("/vm").value().size(), 1u);
    EXPECT_EQ(process->store->introduced_domains().size(), 2u);
    const std::string home = domain_path(domid("web1"));
    EXPECT_EQ(process->store->read(home + "/name").value_or(""), "web1");
    const auto job = process->manager->shutdown("web1", 300);
    process->run_until([&] { return process->store->read(home + "/control/shutdown").value_or("") == "poweroff"; });
    hypervisor.stop(domid("web1"), abi::ShutdownReason::Poweroff);
    EXPECT_EQ(process->finish(job).state, JobState::Done);
}

hvctl::Result<void> killed_when_claiming(const std::string& call) {
    if (call == "set_claim") throw Killed{};
    return {};
}

TEST_F(Recovery, ARestartGoesOnHoweverOftenTheDaemonIsKilled) {
    process->finish(create(definition("web1")));
    hypervisor.fail_at = killed_when_claiming;
    hypervisor.stop(domid("web1"), abi::ShutdownReason::Reboot);
    EXPECT_THROW(process->run_until([] { return false; }), Killed);
    for (int i = 0; i < 2; ++i) {
        abandon();
        hypervisor.fail_at = killed_when_claiming;
        EXPECT_THROW(process->settle(), Killed);
    }
    abandon();
    process->settle();
    EXPECT_EQ(view("web1").state, "running");
    EXPECT_EQ(guests(), 1u);
}

TEST_F(Recovery, AJobThatTakesEachDaemonDownIsGivenUp) {
    hypervisor.fail_at = killed_when_claiming;
    const auto job = create(definition("web1"));
    EXPECT_THROW(process->settle(), Killed);
    JobRecord record = process->registry->jobs().at(*job);
    record.attempts = 8;
    ASSERT_TRUE(process->registry->save(record));
    abandon();
    process->settle();
    EXPECT_EQ(process->finish(job).error, static_cast<std::uint16_t>(ErrorId::Interrupted));
    EXPECT_EQ(guests(), 0u);
    EXPECT_FALSE(process->manager->get("web1"));
}

// What such a job worked on is taken up with the domain's devices, or swept with the volumes.
TEST_F(Recovery, JobsOfDevicesAndVolumesAreInterrupted) {
    process->finish(create(definition("web1")));
    for (const Verb verb :
         {Verb::AttachDisk, Verb::DetachDisk, Verb::ResizeDisk, Verb::AttachNic, Verb::DetachNic, Verb::ChangeNic,
          Verb::CreateVolume, Verb::ImportVolume, Verb::ResizeVolume, Verb::DeleteVolume}) {
        JobRecord job;
        job.verb = verb;
        job.domain = "web1";
        job.state = JobState::Running;
        ASSERT_TRUE(process->registry->add(job));
        restart();
        const JobRecord& after = process->registry->jobs().at(job.id);
        EXPECT_EQ(after.state, JobState::Failed) << to_string(verb);
        EXPECT_EQ(static_cast<ErrorId>(after.error), ErrorId::Interrupted) << to_string(verb);
        EXPECT_EQ(view("web1").state, "running") << to_string(verb);
        EXPECT_EQ(view("web1").job, 0u) << to_string(verb);
    }
}

TEST_F(Recovery, AJobOfAVerbThatMakesNoneIsNotReadAtAll) {
    process->finish(create(definition("web1")));
    JobRecord job;
    job.verb = Verb::Pause;
    job.domain = "web1";
    job.state = JobState::Running;
    ASSERT_TRUE(process->registry->add(job));
    restart();
    EXPECT_FALSE(process->registry->jobs().contains(job.id));
    EXPECT_EQ(view("web1").state, "running");
}

// Restarts of the daemon that it outlives have nothing to do with the job.
TEST_F(Recovery, WaitingShutdownGoesOnAfterManyRestarts) {
    process->finish(create(definition("web1")));
    const auto job = process->manager->shutdown("web1", 300);
    for (int i = 0; i < 5; ++i) process->loop->run_once(false);
    for (int i = 0; i < 4; ++i) {
        abandon();
        EXPECT_EQ(view("web1").job, *job);
    }
    hypervisor.stop(domid("web1"), abi::ShutdownReason::Poweroff);
    EXPECT_EQ(process->finish(job).state, JobState::Done);
}

TEST_F(Recovery, WaitingShutdownGoesOn) {
    process->finish(create(definition("web1")));
    const auto job = process->manager->shutdown("web1", 300);
    const std::string path = domain_path(domid("web1")) + "/control/shutdown";
    process->run_until([&] { return process->store->read(path).value_or("") == "poweroff"; });
    for (int i = 0; i < 5; ++i) process->loop->run_once(false);
    abandon();
    EXPECT_EQ(view("web1").job, *job);
    ASSERT_TRUE(process->store->write(path, ""));
    hypervisor.stop(domid("web1"), abi::ShutdownReason::Poweroff);
    EXPECT_EQ(process->finish(job).state, JobState::Done);
    EXPECT_EQ(view("web1").state, "stopped");
}

TEST_F(Recovery, AutostartFromFilesAndRegistry) {
    (void)folder.file("a.yaml", definition("web1", "autostart: true\n"));
    (void)folder.file("b.yaml", definition("web2"));
    (void)folder.file("c.yaml", "broken: [");
    process->finish(create(definition("web3", "autostart: true\n")));
    process->finish(process->manager->destroy("web3"));
    process->manager->autostart(folder / "");
    process->settle();
    EXPECT_EQ(view("web1").state, "running");
    EXPECT_EQ(view("web3").state, "running");
    EXPECT_FALSE(process->manager->get("web2"));
    // Once per boot: what an administrator shuts down afterwards stays down, restart of the daemon or not.
    process->finish(process->manager->destroy("web1"));
    restart();
    process->manager->autostart(folder / "");
    EXPECT_TRUE(process->manager->jobs().idle());
    hypervisor.domains.erase(domid("web3"));
    restart("boot-2");
    process->manager->autostart(folder / "");
    process->settle();
    EXPECT_EQ(view("web1").state, "running");
    EXPECT_EQ(view("web3").state, "running");
}

// kill -9 at the n-th occurrence of a call to hv. Whatever the moment: afterwards one good domain or none, nothing in
// hv that belongs to no domain, and the name is usable.
struct KillPoint {
    std::string call;
    int occurrence;
    std::string verb;
};

class KilledAt : public HostTest, public testing::WithParamInterface<KillPoint> {
  protected:
    void arm() {
        hypervisor.fail_at = [this,
                              left = GetParam().occurrence](const std::string& call) mutable -> hvctl::Result<void> {
            if (call == GetParam().call && --left == 0) throw Killed{};
            return {};
        };
    }
    // True when the daemon died.
    bool run(const std::function<Result<JobId>()>& begin) {
        arm();
        try {
            process->finish(begin());
            process->settle();
        } catch (const Killed&) {
            return true;
        }
        hypervisor.fail_at = nullptr;
        return false;
    }
};

TEST_P(KilledAt, LosesNothing) {
    const std::string verb = GetParam().verb;
    if (verb != "create") process->finish(create(definition("web1")));
    const bool died = run([&]() -> Result<JobId> {
        if (verb == "create") return create(definition("web1"));
        if (verb == "destroy") return process->manager->destroy("web1");
        hypervisor.stop(domid("web1"), abi::ShutdownReason::Reboot);
        process->run_until([&] { return !process->manager->jobs().idle(); });
        return process->manager->jobs().list().back().id;
    });
    ASSERT_TRUE(died) << "the call does not happen: " << GetParam().call;
    abandon();
    process->settle();
    const DomainView web1 = view("web1");
    EXPECT_EQ(web1.state, verb == "destroy" ? "stopped" : "running");
    EXPECT_EQ(guests(), verb == "destroy" ? 0u : 1u);
    EXPECT_EQ(hypervisor.bindings(), verb == "destroy" ? 1u : 3u);
    EXPECT_EQ(process->store->list("/local/domain").value().size(), guests() + 1);
    if (web1.domid) {
        EXPECT_EQ(process->store->read(domain_path(*web1.domid) + "/name").value_or("(missing)"), "web1");
        hypervisor.print(*web1.domid, "alive");
        process->run_until([&] { return log("web1").ends_with("alive"); });
        EXPECT_EQ(process->finish(process->manager->destroy("web1")).state, JobState::Done);
    }
    EXPECT_EQ(process->finish(create(definition("web1"))).state, JobState::Done);
}

INSTANTIATE_TEST_SUITE_P(
    Calls, KilledAt,
    testing::Values(KillPoint{"host_info", 1, "create"}, KillPoint{"create_domain", 1, "create"},
                    KillPoint{"set_claim", 1, "create"}, KillPoint{"set_claim", 2, "create"},
                    KillPoint{"set_sched_parameters", 1, "create"}, KillPoint{"map_page", 1, "create"},
                    KillPoint{"bind_interdomain", 1, "create"}, KillPoint{"map_page", 2, "create"},
                    KillPoint{"bind_interdomain", 2, "create"}, KillPoint{"unpause_domain", 1, "create"},
                    KillPoint{"pause_domain", 1, "destroy"}, KillPoint{"pause_domain", 1, "restart"},
                    KillPoint{"host_info", 1, "restart"}, KillPoint{"create_domain", 1, "restart"},
                    KillPoint{"set_claim", 1, "restart"}, KillPoint{"map_page", 1, "restart"},
                    KillPoint{"map_page", 2, "restart"}, KillPoint{"unpause_domain", 1, "restart"}),
    [](const auto& each) {
        return each.param.verb + "_" + each.param.call + "_" + std::to_string(each.param.occurrence);
    });

// The disk of the logs is not writable when the daemon comes back: the guest's output is taken all the same, and logged
// as soon as it can be.
TEST_F(Recovery, AConsoleThatCannotBeLoggedIsServed) {
    process->finish(create(definition("web1")));
    const std::string path = folder / "console/web1.log";
    std::filesystem::remove(path);
    std::filesystem::create_directory(path);
    restart();
    EXPECT_EQ(view("web1").state, "running");
    hypervisor.print(domid("web1"), "nobody hears this");
    process->run_until([&] { return view("web1").console_dropped > 0; });
    std::filesystem::remove(path);
    hypervisor.print(domid("web1"), "this is heard");
    process->run_until([&] { return log("web1").ends_with("this is heard"); });
}

}  // namespace
}  // namespace hvctld::test
