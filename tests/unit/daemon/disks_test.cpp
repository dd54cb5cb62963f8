// Disks of guests, over a kernel that is a fake and images that are real files.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdio>

#include "testing.hpp"

namespace hvctld::test {
namespace {

class Disks : public HostTest {
  protected:
    std::string image(const std::string& name) { return folder.file(name, std::string(1 << 20, '\0')); }
    [[nodiscard]] std::string with_disk(const std::string& name, const std::string& path,
                                        const std::string& more = {}) const {
        return definition(name, fmt::format("disks: [{{target: xvda, path: {}{}}}]\n", path, more));
    }
    JobRecord start(const std::string& text) { return process->finish(create(text)); }
    [[nodiscard]] std::string read(const std::string& path) const {
        return process->store->read(path).value_or("(none)");
    }
    [[nodiscard]] std::string backend(const std::string& name, unsigned number = 51712) {
        return fmt::format("/local/domain/0/backend/vbd/{}/{}", domid(name), number);
    }
    [[nodiscard]] std::string frontend(const std::string& name, unsigned number = 51712) {
        return fmt::format("/local/domain/{}/device/vbd/{}", domid(name), number);
    }
    JobRecord attach(const std::string& name, const std::string& disk) {
        return process->finish(process->manager->attach_disk(name, disk));
    }
    JobRecord detach(const std::string& name, const std::string& target, bool force = false) {
        return process->finish(process->manager->detach_disk(name, target, force));
    }
    std::vector<DiskView> disks(const std::string& name) {
        return process->manager->disks(name).value_or(std::vector<DiskView>{});
    }
    FakeBlockHost& kernel_side() { return *hypervisor.blocks; }
    // Nothing is left of any disk.
    void expect_nothing() {
        process->settle();
        process->run_until([&] { return kernel_side().served.empty(); });
        EXPECT_TRUE(process->store->list("/local/domain/0/backend/vbd").value_or(std::vector<std::string>{}).empty());
        EXPECT_TRUE(process->store->list("/tool/hvctld/images").value_or(std::vector<std::string>{}).empty());
    }
};

TEST_F(Disks, BothEndsFindWhatTheInterfacePromises) {
    const JobRecord job = start(with_disk("web1", image("a.img")));
    ASSERT_EQ(job.state, JobState::Done) << job.message;
    const std::string back = backend("web1");
    const std::string front = frontend("web1");
    EXPECT_EQ(read(back + "/frontend"), front);
    EXPECT_EQ(read(back + "/frontend-id"), fmt::format("{}", domid("web1")));
    EXPECT_EQ(read(back + "/mode"), "w");
    EXPECT_EQ(read(back + "/online"), "1");
    EXPECT_EQ(read(back + "/dev"), "xvda");
    EXPECT_EQ(read(back + "/physical-device"), "7:0");
    EXPECT_EQ(read(front + "/backend"), back);
    EXPECT_EQ(read(front + "/backend-id"), "0");
    EXPECT_EQ(read(front + "/virtual-device"), "51712");
    EXPECT_EQ(read(front + "/device-type"), "disk");
    EXPECT_EQ(read(front + "/state"), "1");
    // The guest writes its own folder and none but that.
    const store::DomainId guest{domid("web1")};
    EXPECT_EQ(process->store->permissions(front)->front().domain, guest);
    EXPECT_EQ(process->store->permissions(front + "/state")->front().domain, guest);
    EXPECT_EQ(process->store->permissions(back)->front().domain, store::kDom0);
    EXPECT_EQ(process->store->permissions(fmt::format("/local/domain/{}/device/vbd", guest.raw))->front().domain,
              store::kDom0);
    ASSERT_EQ(disks("web1").size(), 1u);
    EXPECT_EQ(disks("web1").front().device, "7:0");
    process->run_until([&] { return disks("web1").front().state == "connected"; });
    process->finish(process->manager->destroy("web1"));
    EXPECT_EQ(disks("web1").front().state, "offline");
    expect_nothing();
}

TEST_F(Disks, AnImageBelongsToOneWriter) {
    const std::string path = image("a.img");
    ASSERT_EQ(start(with_disk("web1", path)).state, JobState::Done);
    const JobRecord refused = start(with_disk("web2", path));
    EXPECT_EQ(refused.state, JobState::Failed);
    EXPECT_EQ(static_cast<ErrorId>(refused.error), ErrorId::ImageBusy);
    EXPECT_NE(refused.message.find("web1"), std::string::npos) << refused.message;
    EXPECT_EQ(guests(), 1u);
    EXPECT_EQ(process->manager->get("web2").error().id(), ErrorId::NoSuchDomain);
    process->finish(process->manager->destroy("web1"));
    EXPECT_EQ(start(with_disk("web2", path)).state, JobState::Done);
    process->finish(process->manager->destroy("web2"));
    expect_nothing();
}

TEST_F(Disks, AnImageStaysClaimedUntilHvHasNothingOfTheGuest) {
    const std::string path = image("a.img");
    ASSERT_EQ(start(with_disk("web1", path)).state, JobState::Done);
    hypervisor.destroy_retries = 3;
    const auto end = process->manager->destroy("web1");
    ASSERT_TRUE(end);
    process->run_until([&] { return hypervisor.destroy_retries < 3; });
    EXPECT_EQ(static_cast<ErrorId>(start(with_disk("web2", path)).error), ErrorId::ImageBusy);
    process->finish(end);
    EXPECT_EQ(start(with_disk("web2", path)).state, JobState::Done);
}

TEST_F(Disks, AGuestThatRebootsHasItsDiskAgain) {
    ASSERT_EQ(start(with_disk("web1", image("a.img"))).state, JobState::Done);
    const std::uint16_t before = domid("web1");
    hypervisor.stop(before, abi::ShutdownReason::Reboot);
    process->run_until([&] { return domid("web1") != before && domid("web1") != 0; });
    process->settle();
    EXPECT_EQ(read(backend("web1") + "/mode"), "w");
    EXPECT_FALSE(process->store->exists(fmt::format("/local/domain/0/backend/vbd/{}", before)));
    process->finish(process->manager->destroy("web1"));
    expect_nothing();
}

TEST_F(Disks, WhatCannotBeServedStartsNothing) {
    EXPECT_EQ(static_cast<ErrorId>(start(with_disk("web1", folder / "none")).error), ErrorId::FileMissing);
    kernel_side().complaint = "2 creating vbd structure";
    const JobRecord refused = start(with_disk("web1", image("a.img")));
    EXPECT_EQ(static_cast<ErrorId>(refused.error), ErrorId::BackendFailed);
    EXPECT_NE(refused.message.find("creating vbd structure"), std::string::npos) << refused.message;
    kernel_side().complaint.clear();
    kernel_side().on_attach = [](const std::string&) {
        return Result<void>{fail(ErrorId::LimitReached, "no loop device left")};
    };
    EXPECT_EQ(static_cast<ErrorId>(start(with_disk("web1", image("a.img"))).error), ErrorId::LimitReached);
    kernel_side().on_attach = nullptr;
    EXPECT_EQ(guests(), 0u);
    EXPECT_EQ(start(with_disk("web1", image("a.img"))).state, JobState::Done);
    process->finish(process->manager->destroy("web1"));
    expect_nothing();
}

TEST_F(Disks, ACreateThatIsCalledOffWhileItWaitsForTheKernelLeavesNothing) {
    kernel_side().has_blkback = false;
    const auto job = create(with_disk("web1", image("a.img")));
    ASSERT_TRUE(job);
    process->run_until([&] {
        const auto jobs = process->manager->jobs().list();
        return !jobs.empty() && jobs.back().phase == JobPhase::Disks;
    });
    EXPECT_TRUE(process->manager->jobs().cancel(*job));
    EXPECT_EQ(process->finish(job).state, JobState::Cancelled);
    EXPECT_EQ(guests(), 0u);
    expect_nothing();
}

TEST_F(Disks, AttachedDisksStayWithTheDomain) {
    ASSERT_EQ(start(with_disk("web1", image("a.img"))).state, JobState::Done);
    const JobRecord attached = attach("web1", fmt::format("{{path: {}, mode: ro}}", image("b.img")));
    ASSERT_EQ(attached.state, JobState::Done) << attached.message;
    ASSERT_EQ(disks("web1").size(), 2u);
    EXPECT_EQ(disks("web1").back().target, "xvdb");
    EXPECT_EQ(disks("web1").back().state, "connected");
    EXPECT_EQ(read(backend("web1", 51728) + "/mode"), "r");
    EXPECT_NE(process->manager->definition("web1")->definition.find("xvdb"), std::string::npos);

    const std::uint16_t before = domid("web1");
    hypervisor.stop(before, abi::ShutdownReason::Reboot);
    process->run_until([&] { return domid("web1") != before && domid("web1") != 0; });
    process->settle();
    EXPECT_EQ(read(backend("web1", 51728) + "/mode"), "r");

    EXPECT_EQ(detach("web1", "xvdb").state, JobState::Done);
    EXPECT_EQ(disks("web1").size(), 1u);
    EXPECT_FALSE(process->store->exists(backend("web1", 51728)));
    EXPECT_FALSE(process->store->exists(frontend("web1", 51728)));
    EXPECT_EQ(process->manager->definition("web1")->definition.find("xvdb"), std::string::npos);
    process->finish(process->manager->destroy("web1"));
    expect_nothing();
}

TEST_F(Disks, HotplugRefusals) {
    const std::string path = image("a.img");
    ASSERT_EQ(start(with_disk("web1", path)).state, JobState::Done);
    const auto error = [&](const std::string& disk) { return static_cast<ErrorId>(attach("web1", disk).error); };
    EXPECT_EQ(error(fmt::format("{{target: xvda, path: {}}}", image("b.img"))), ErrorId::TargetTaken);
    EXPECT_EQ(error(fmt::format("{{target: xvda1, path: {}}}", image("b.img"))), ErrorId::TargetTaken);
    EXPECT_EQ(error(fmt::format("{{path: {}}}", path)), ErrorId::ImageBusy);
    EXPECT_EQ(error("{path: /none}"), ErrorId::FileMissing);
    for (const char* text : {"", "{}", "xvdb", "{target: floppy, path: /x}", "{path: x}", "{path: /x, frob: 1}", "[1]"})
        EXPECT_EQ(process->manager->attach_disk("web1", text).error().id(), ErrorId::DefinitionInvalid) << text;
    EXPECT_EQ(process->manager->attach_disk("web2", "{path: /x}").error().id(), ErrorId::NoSuchDomain);
    EXPECT_EQ(process->manager->detach_disk("web1", "xvdb", false).error().id(), ErrorId::NoSuchDisk);
    EXPECT_EQ(disks("web1").size(), 1u);
    EXPECT_EQ(read(backend("web1") + "/state"), "4");
    process->finish(process->manager->destroy("web1"));
    EXPECT_EQ(process->manager->attach_disk("web1", "{path: /x}").error().id(), ErrorId::WrongState);
    expect_nothing();
}

TEST_F(Disks, ADomainThatDoesNotRunIsRidOfADiskThatIsGone) {
    const std::string path = image("a.img");
    ASSERT_EQ(start(with_disk("web1", path)).state, JobState::Done);
    process->finish(process->manager->destroy("web1"));
    ASSERT_EQ(std::remove(path.c_str()), 0);
    const JobRecord refused = process->finish(process->manager->start("web1", false));
    EXPECT_EQ(refused.error, static_cast<std::uint16_t>(ErrorId::FileMissing));
    EXPECT_NE(refused.message.find("'hvctl block-detach web1 xvda'"), std::string::npos) << refused.message;
    ASSERT_EQ(process->finish(process->manager->detach_disk("web1", "xvda", false)).state, JobState::Done);
    EXPECT_TRUE(disks("web1").empty());
    restart();
    EXPECT_EQ(process->finish(process->manager->start("web1", false)).state, JobState::Done);
    EXPECT_TRUE(disks("web1").empty());
}

TEST_F(Disks, ADiskGrowsWhileItsGuestRuns) {
    ASSERT_EQ(start(with_disk("web1", image("a.img"))).state, JobState::Done);
    EXPECT_EQ(process->finish(process->manager->resize_disk("web1", "xvda", 2 << 20)).state, JobState::Done);
    EXPECT_EQ(kernel_side().grown, "xvda 7:0 2097152");
    EXPECT_EQ(process->manager->resize_disk("web1", "xvdb", 2 << 20).error().id(), ErrorId::NoSuchDisk);
    for (const std::uint64_t bytes : {0ull, 1000ull, 1ull << 62})
        EXPECT_EQ(process->manager->resize_disk("web1", "xvda", bytes).error().id(), ErrorId::InvalidArgument);
}

TEST_F(Disks, TwoAtOnceComeOneAfterTheOther) {
    ASSERT_EQ(start(with_disk("web1", image("a.img"))).state, JobState::Done);
    const auto first = process->manager->attach_disk("web1", fmt::format("{{path: {}}}", image("b.img")));
    const auto second = process->manager->attach_disk("web1", fmt::format("{{path: {}}}", image("c.img")));
    EXPECT_EQ(process->finish(first).state, JobState::Done);
    EXPECT_EQ(process->finish(second).state, JobState::Done);
    ASSERT_EQ(disks("web1").size(), 3u);
    EXPECT_EQ(disks("web1").at(1).target, "xvdb");
    EXPECT_EQ(disks("web1").at(2).target, "xvdc");
}

TEST_F(Disks, AGuestThatPaysNoHeedIsNotWaitedForForEver) {
    ASSERT_EQ(start(with_disk("web1", image("a.img"))).state, JobState::Done);
    kernel_side().guest_takes = false;
    const JobRecord ignored = attach("web1", fmt::format("{{path: {}}}", image("b.img")));
    EXPECT_EQ(static_cast<ErrorId>(ignored.error), ErrorId::GuestSilent);
    EXPECT_EQ(disks("web1").size(), 1u);
    EXPECT_FALSE(process->store->exists(backend("web1", 51728)));
    // One that is paused finds it later.
    ASSERT_TRUE(process->manager->pause("web1"));
    EXPECT_EQ(attach("web1", fmt::format("{{path: {}}}", image("b.img"))).state, JobState::Done);
    EXPECT_EQ(disks("web1").back().state, "waiting");
    ASSERT_TRUE(process->manager->unpause("web1"));

    kernel_side().guest_lets_go = false;
    EXPECT_EQ(static_cast<ErrorId>(detach("web1", "xvdb").error), ErrorId::GuestSilent);
    EXPECT_EQ(detach("web1", "xvdb", true).state, JobState::Done);
    EXPECT_EQ(disks("web1").size(), 1u);
    process->finish(process->manager->destroy("web1"));
    expect_nothing();
}

TEST_F(Disks, ADestroyEndsAHotplugThatWaits) {
    ASSERT_EQ(start(with_disk("web1", image("a.img"))).state, JobState::Done);
    kernel_side().guest_takes = false;
    const auto attaching = process->manager->attach_disk("web1", fmt::format("{{path: {}}}", image("b.img")));
    process->run_until([&] { return process->manager->jobs().list().back().phase == JobPhase::WaitForDriver; });
    EXPECT_EQ(process->finish(process->manager->destroy("web1")).state, JobState::Done);
    EXPECT_EQ(process->finish(attaching).state, JobState::Cancelled);
    EXPECT_EQ(guests(), 0u);
    expect_nothing();
}

TEST_F(Disks, AnotherDaemonKnowsThemAll) {
    const std::string path = image("a.img");
    ASSERT_EQ(start(with_disk("web1", path)).state, JobState::Done);
    ASSERT_EQ(attach("web1", fmt::format("{{path: {}}}", image("b.img"))).state, JobState::Done);
    for (const bool killed : {false, true}) {
        if (killed) {
            abandon();
        } else {
            restart();
        }
        ASSERT_EQ(disks("web1").size(), 2u);
        EXPECT_EQ(disks("web1").back().state, "connected");
        EXPECT_EQ(static_cast<ErrorId>(start(with_disk("web2", path)).error), ErrorId::ImageBusy);
    }
    EXPECT_EQ(detach("web1", "xvdb").state, JobState::Done);
    process->finish(process->manager->destroy("web1"));
    EXPECT_EQ(start(with_disk("web2", path)).state, JobState::Done);
    process->finish(process->manager->destroy("web2"));
    expect_nothing();
}

TEST_F(Disks, AHotplugThatAKillInterruptsIsUndoneOrDone) {
    ASSERT_EQ(start(with_disk("web1", image("a.img"))).state, JobState::Done);
    kernel_side().guest_takes = false;
    const std::string other = image("b.img");
    ASSERT_TRUE(process->manager->attach_disk("web1", fmt::format("{{path: {}}}", other)));
    process->run_until([&] { return process->manager->jobs().list().back().phase == JobPhase::WaitForDriver; });
    kernel_side().guest_takes = true;
    abandon();
    process->settle();
    EXPECT_EQ(disks("web1").size(), 1u);
    EXPECT_FALSE(process->store->exists(backend("web1", 51728)));
    EXPECT_EQ(process->manager->jobs().list().back().state, JobState::Failed);
    const auto nobody_has_it = [&] {
        return !process->store->exists(fmt::format("/tool/hvctld/images/{}/xvdb", domid("web1")));
    };
    process->run_until(nobody_has_it);
    EXPECT_EQ(start(with_disk("web2", other)).state, JobState::Done);
    process->finish(process->manager->destroy("web2"));

    // Asked for and not given, a disk stays; taken, it is gone.
    ASSERT_EQ(attach("web1", fmt::format("{{path: {}}}", other)).state, JobState::Done);
    kernel_side().guest_lets_go = false;
    ASSERT_TRUE(process->manager->detach_disk("web1", "xvdb", false));
    process->run_until([&] { return process->manager->jobs().list().back().phase == JobPhase::AskForDisk; });
    abandon();
    process->settle();
    ASSERT_EQ(disks("web1").size(), 2u);
    process->run_until([&] { return disks("web1").back().state == "connected"; });
    EXPECT_EQ(read(backend("web1", 51728) + "/online"), "1");
    kernel_side().requests_hang = true;
    ASSERT_TRUE(process->manager->detach_disk("web1", "xvdb", true));
    process->run_until([&] { return process->manager->jobs().list().back().phase == JobPhase::TakeDisk; });
    abandon();
    EXPECT_EQ(disks("web1").size(), 1u);
    EXPECT_EQ(static_cast<ErrorId>(start(with_disk("web2", other)).error), ErrorId::ImageBusy);
    kernel_side().requests_hang = false;
    process->run_until(nobody_has_it);
    EXPECT_EQ(start(with_disk("web2", other)).state, JobState::Done);
    process->finish(process->manager->destroy("web2"));
    process->finish(process->manager->destroy("web1"));
    expect_nothing();
}

TEST_F(Disks, ALostRegistryCostsNoGuestItsDisks) {
    const std::string path = image("a.img");
    ASSERT_EQ(start(with_disk("web1", path)).state, JobState::Done);
    process->run_until([&] { return disks("web1").front().state == "connected"; });
    process->run_until([this] { return !process->registry->being_written(); });
    process.reset();
    hypervisor.forget_bindings();
    for (const char* name : {"state.db", "state.db-wal", "state.db-shm"}) std::remove((folder / name).c_str());
    process = std::make_unique<Process>(hypervisor, folder, settings);
    ASSERT_TRUE(process->recover());
    ASSERT_EQ(disks("web1").size(), 1u);
    EXPECT_EQ(disks("web1").front().path, path);
    EXPECT_EQ(disks("web1").front().state, "connected");
    EXPECT_EQ(static_cast<ErrorId>(start(with_disk("web2", path)).error), ErrorId::ImageBusy);
    process->finish(process->manager->destroy("web1"));
    EXPECT_EQ(start(with_disk("web2", path)).state, JobState::Done);
    process->finish(process->manager->destroy("web2"));
    expect_nothing();
}

TEST_F(Disks, ALostJournalCostsNobodyHisClaim) {
    const std::string path = image("a.img");
    ASSERT_EQ(start(with_disk("web1", path)).state, JobState::Done);
    (void)process->store->remove("/tool/hvctld/images");
    restart();
    process->run_until(
        [&] { return process->store->exists(fmt::format("/tool/hvctld/images/{}/xvda", domid("web1"))); });
    EXPECT_EQ(static_cast<ErrorId>(start(with_disk("web2", path)).error), ErrorId::ImageBusy);
}

TEST_F(Disks, AFailedDetachIsTakenBack) {
    ASSERT_EQ(start(with_disk("web1", image("a.img"))).state, JobState::Done);
    process->run_until([&] { return disks("web1").front().state == "connected"; });
    (void)process->store->write(frontend("web1") + "/state", "4");
    kernel_side().guest_lets_go = false;
    EXPECT_EQ(static_cast<ErrorId>(detach("web1", "xvda").error), ErrorId::GuestSilent);
    EXPECT_EQ(read(backend("web1") + "/online"), "1");
    EXPECT_EQ(read(backend("web1") + "/state"), "4");
    EXPECT_EQ(disks("web1").front().state, "connected");
}

// A request that hangs in its disk may yet change it.
TEST_F(Disks, NobodyIsGivenAnImageWhoseRequestsHang) {
    const std::string other = image("b.img");
    ASSERT_EQ(start(with_disk("web1", image("a.img"))).state, JobState::Done);
    ASSERT_EQ(attach("web1", fmt::format("{{path: {}}}", other)).state, JobState::Done);
    kernel_side().requests_hang = true;
    const auto taking = process->manager->detach_disk("web1", "xvdb", true);
    process->run_until([&] { return !process->store->exists(backend("web1", 51728)); });
    EXPECT_EQ(static_cast<ErrorId>(start(with_disk("web2", other)).error), ErrorId::ImageBusy);
    kernel_side().requests_hang = false;
    EXPECT_EQ(process->finish(taking).state, JobState::Done);
    EXPECT_EQ(start(with_disk("web2", other)).state, JobState::Done);
}

TEST_F(Disks, AnEndComesBeforeAllThatQueue) {
    ASSERT_EQ(start(with_disk("web1", image("a.img"))).state, JobState::Done);
    kernel_side().guest_takes = false;
    std::vector<Result<JobId>> queue;
    for (const char* name : {"b.img", "c.img", "d.img"})
        queue.push_back(process->manager->attach_disk("web1", fmt::format("{{path: {}}}", image(name))));
    EXPECT_EQ(process->finish(process->manager->destroy("web1")).state, JobState::Done);
    for (const auto& job : queue) EXPECT_EQ(process->finish(job).state, JobState::Cancelled);
    expect_nothing();
}

TEST_F(Disks, TheNextNameIsNobodysInLinuxEither) {
    const std::string sda = fmt::format("disks: [{{target: sda, path: {}}}]\n", image("a.img"));
    ASSERT_EQ(start(definition("web1", sda)).state, JobState::Done);
    ASSERT_EQ(attach("web1", fmt::format("{{path: {}}}", image("b.img"))).state, JobState::Done);
    EXPECT_EQ(disks("web1").back().target, "xvdb");
}

TEST_F(Disks, AGuestThatThrowsItsEndAwayHasNoDisk) {
    ASSERT_EQ(start(with_disk("web1", image("a.img"))).state, JobState::Done);
    process->run_until([&] { return disks("web1").front().state == "connected"; });
    (void)process->store->remove(frontend("web1"));
    kernel_side().served.clear();  // as blkback then does
    EXPECT_EQ(disks("web1").front().state, "closed");
    EXPECT_EQ(disks("web1").front().device, "");
    EXPECT_EQ(detach("web1", "xvda").state, JobState::Done);
    process->finish(process->manager->destroy("web1"));
    expect_nothing();
}

TEST_F(Disks, WordsOfTheKernelAreShownAsText) {
    kernel_side().complaint = std::string{"22 protocol \x1b[2J"} + std::string(1000, 'x');
    const JobRecord refused = start(with_disk("web1", image("a.img")));
    EXPECT_NE(refused.message.find("protocol ?[2J"), std::string::npos) << refused.message;
    EXPECT_LT(refused.message.size(), 500u);
}

}  // namespace
}  // namespace hvctld::test
