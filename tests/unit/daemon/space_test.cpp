// File systems that get full under images that grow: when that is, and what becomes of the guests.
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>

#include "devices/block/image_room.hpp"
#include "domain/space_gauge.hpp"
#include "testing.hpp"

namespace hvctld::test {
namespace {

constexpr std::uint64_t kMeg = 1 << 20;
constexpr std::uint64_t kGig = 1 << 30;

TEST(SpaceGauge, AReserveOfALargeAndOfASmallFileSystem) {
    SpaceGauge large;
    large.look(1000, 100 * kGig, 64 * kMeg);
    EXPECT_FALSE(large.full());
    EXPECT_EQ(large.least(), 64 * kMeg);
    large.look(2000, 100 * kGig, 64 * kMeg - 1);
    EXPECT_TRUE(large.full());
    SpaceGauge small;
    small.look(1000, 200 * kMeg, 10 * kMeg);
    EXPECT_FALSE(small.full());
    small.look(1100, 200 * kMeg, 9 * kMeg);
    EXPECT_TRUE(small.full());
    SpaceGauge unknown;  // a file system that does not say
    unknown.look(1000, 0, 0);
    EXPECT_FALSE(unknown.full());
}

TEST(SpaceGauge, IsFullUntilThereIsClearlyMore) {
    SpaceGauge gauge;
    gauge.look(1'000, 100 * kGig, 60 * kMeg);
    EXPECT_TRUE(gauge.full());
    gauge.look(2'000, 100 * kGig, 70 * kMeg);
    EXPECT_TRUE(gauge.full());
    gauge.look(3'000, 100 * kGig, 96 * kMeg);
    EXPECT_TRUE(gauge.full());
    gauge.look(4'000, 100 * kGig, 97 * kMeg);
    EXPECT_TRUE(gauge.full()) << "a moment ago there was not enough";
    gauge.look(6'000, 100 * kGig, 80 * kMeg);
    gauge.look(10'900, 100 * kGig, 97 * kMeg);
    EXPECT_TRUE(gauge.full());
    gauge.look(11'000, 100 * kGig, 97 * kMeg);
    EXPECT_FALSE(gauge.full());
    gauge.look(12'000, 100 * kGig, 70 * kMeg);
    EXPECT_FALSE(gauge.full());
}

TEST(SpaceGauge, WhatIsFilledFasterHasALargerReserveForAWhile) {
    SpaceGauge gauge;
    gauge.look(1'000, 100 * kGig, 2 * kGig);
    gauge.look(2'000, 100 * kGig, 2 * kGig - 400 * kMeg);
    EXPECT_EQ(gauge.least(), 200 * kMeg);
    EXPECT_FALSE(gauge.full());
    gauge.look(3'000, 100 * kGig, 199 * kMeg);  // and faster still
    EXPECT_TRUE(gauge.full());
    EXPECT_GT(gauge.least(), 600 * kMeg);
    const std::uint64_t before = gauge.least();
    gauge.look(63'000, 100 * kGig, 199 * kMeg);
    EXPECT_NEAR(static_cast<double>(gauge.least()), static_cast<double>(before) / 2, 1e6);
    gauge.look(1'000'000, 100 * kGig, 199 * kMeg);
    EXPECT_EQ(gauge.least(), 64 * kMeg);
    EXPECT_FALSE(gauge.full());
    // Room that comes back is no speed.
    gauge.look(1'001'000, 100 * kGig, 50 * kGig);
    EXPECT_EQ(gauge.least(), 64 * kMeg);
}

TEST(SpaceGauge, OneLargeFileAtOnceDoesNotStopGuestsOnADiskWithRoom) {
    SpaceGauge gauge;
    gauge.look(1'000, 100 * kGig, 90 * kGig);
    gauge.look(1'100, 100 * kGig, 2 * kGig);
    EXPECT_LE(gauge.least(), kGig);
    EXPECT_FALSE(gauge.full());
    SpaceGauge small;
    small.look(1'000, 200 * kMeg, 200 * kMeg);
    small.look(1'100, 200 * kMeg, 26 * kMeg);
    EXPECT_EQ(small.least(), 25 * kMeg);
    EXPECT_FALSE(small.full());
}

TEST(SpaceGauge, IsLookedAtMoreOftenWhenItIsNear) {
    SpaceGauge gauge;
    gauge.look(1'000, 100 * kGig, 50 * kGig);
    EXPECT_EQ(gauge.pause_ms(), 1000u);
    gauge.look(2'000, 100 * kGig, 80 * kMeg);
    EXPECT_EQ(gauge.pause_ms(), 100u);
    SpaceGauge fast;
    fast.look(1'000, 1000 * kGig, 100 * kGig);
    fast.look(2'000, 1000 * kGig, 96 * kGig);
    fast.look(3'000, 1000 * kGig, 3 * kGig);  // faster than it was taken for
    EXPECT_EQ(fast.pause_ms(), 100u);
    SpaceGauge steady;
    steady.look(1'000, 100 * kGig, 700 * kMeg);
    EXPECT_GT(steady.pause_ms(), 500u);
    EXPECT_LT(steady.pause_ms(), 1000u);
    steady.look(2'000, 100 * kGig, 10 * kMeg);
    EXPECT_EQ(steady.pause_ms(), 100u);  // full
}

TEST(ImageRoom, SaysWhatGrowsOnWhichFileSystem) {
    const TemporaryFolder folder;
    const auto image = [&](const std::string& name, std::uint64_t bytes, bool raw = true) {
        const std::string path = folder / name;
        std::ofstream{path} << "x";
        std::filesystem::resize_file(path, bytes);
        struct stat status {};
        EXPECT_EQ(stat(path.c_str(), &status), 0);
        return ImageFile{{true, status.st_dev, status.st_ino}, path, raw};
    };
    const ImageFile sparse = image("sparse.img", 64 * kMeg);
    const ImageFile whole = image("whole.img", kMeg);
    const ImageFile table = image("table.qcow2", kMeg, false);
    for (const ImageFile* one : {&whole, &table}) {
        const UniqueFd file{::open(one->path.c_str(), O_RDWR | O_CLOEXEC)};
        ASSERT_EQ(posix_fallocate(file.get(), 0, kMeg), 0);
    }
    const auto room = look_at_room({sparse, whole, table});
    ASSERT_TRUE(room) << room.error().text();
    EXPECT_GT(room->bytes, 0u);
    EXPECT_GE(room->bytes, room->free);
    EXPECT_TRUE(sparse.path.starts_with(room->mounted_on)) << room->mounted_on;
    EXPECT_EQ(room->growing, (std::vector{sparse.id, table.id}));
    EXPECT_TRUE(room->lost.empty());

    // Another file under its name, and none.
    std::filesystem::rename(sparse.path, folder / "moved.img");
    std::filesystem::copy_file(whole.path, sparse.path);
    std::filesystem::remove(whole.path);
    const auto moved = look_at_room({sparse, whole});
    ASSERT_TRUE(moved);
    EXPECT_EQ(moved->lost, (std::vector{sparse.path, whole.path}));
    EXPECT_TRUE(moved->mounted_on.empty());
    EXPECT_TRUE(moved->growing.empty());
}

class Space : public HostTest {
  protected:
    FakeBlockHost& kernel_side() { return *hypervisor.blocks; }
    std::string image(const std::string& name) { return folder.file(name, std::string(1 << 20, '\0')); }
    void start(const std::string& name, const std::string& more = {}) {
        const std::string disk = fmt::format("disks: [{{target: xvda, path: {}{}}}]\n", image(name + ".img"), more);
        const JobRecord job = process->finish(create(definition(name, disk)));
        ASSERT_EQ(job.state, JobState::Done) << job.message;
    }
    void leave(std::uint64_t bytes) {
        const std::scoped_lock lock{kernel_side().measuring};
        kernel_side().room.free = bytes;
    }
    void fill() { leave(12 * kMeg); }
    void make_room() { leave(kFakeRoom / 2); }
    bool paused_in_hv(const std::string& name) {
        return (hypervisor.domain(DomainId{domid(name)})->flags & abi::kDomainPaused) != 0;
    }
    void wait_for(const std::string& name, const std::string& state) {
        process->run_until([&] { return view(name).state == state; });
    }
    // Some more looks.
    void look_on() {
        const std::uint64_t until = process->loop->now_ms() + 400;
        process->run_until([&] { return process->loop->now_ms() >= until; });
    }
    Manager& manager() { return *process->manager; }
    static ErrorId id(const Result<void>& result) { return result ? ErrorId::Internal : result.error().id(); }
};

TEST_F(Space, GuestsStandStillUntilThereIsRoomAgain) {
    start("web1");
    start("web2");
    std::vector<std::string> told;
    manager().on_domain_changed = [&](const DomainView& changed) {
        told.push_back(changed.name + " " + changed.state);
    };
    fill();
    wait_for("web1", "disk-full");
    wait_for("web2", "disk-full");
    EXPECT_TRUE(paused_in_hv("web1"));
    EXPECT_NE(view("web1").disk_full.find("/srv has 12 MiB left, and "), std::string::npos) << view("web1").disk_full;
    look_on();
    leave(20 * kMeg);  // more, and not enough
    process->run_until([&] { return view("web1").disk_full.find("20 MiB") != std::string::npos; });
    EXPECT_EQ(view("web1").state, "disk-full");
    EXPECT_EQ(told, (std::vector<std::string>{"web1 disk-full", "web2 disk-full"}));  // once each
    make_room();
    wait_for("web1", "running");
    wait_for("web2", "running");
    EXPECT_EQ(view("web1").disk_full, "");
    EXPECT_FALSE(paused_in_hv("web1"));
    EXPECT_FALSE(process->store->exists("/vm/" + view("web1").uuid + "/disk-full"));
    manager().on_domain_changed = nullptr;
}

TEST_F(Space, OnlyWhoseDisksGrowAndWait) {
    start("grows");
    start("reads", ", mode: ro");
    start("errs", ", on_full: error");
    start("whole");
    {
        const std::scoped_lock lock{kernel_side().measuring};
        kernel_side().allocated.insert(folder / "whole.img");
    }
    fill();
    wait_for("grows", "disk-full");
    look_on();
    for (const char* name : {"reads", "errs", "whole"}) EXPECT_EQ(view(name).state, "running") << name;
    EXPECT_TRUE(manager().disks("errs")->front().errors_on_full);
    EXPECT_FALSE(manager().disks("grows")->front().errors_on_full);
    EXPECT_NE(manager().definition("errs")->definition.find("\"on_full\": \"error\""), std::string::npos);
    // A guest that has another disk on it by and by, and loses it again.
    const JobRecord attached =
        process->finish(manager().attach_disk("errs", fmt::format("{{target: xvdb, path: {}}}", image("more.img"))));
    EXPECT_EQ(attached.state, JobState::Done) << attached.message;
    wait_for("errs", "disk-full");
    EXPECT_EQ(process->finish(manager().detach_disk("errs", "xvdb", true)).state, JobState::Done);
    wait_for("errs", "running");
}

TEST_F(Space, AnAdministratorsPauseStays) {
    start("before");
    start("during");
    ASSERT_TRUE(manager().pause("before"));
    fill();
    wait_for("during", "disk-full");
    EXPECT_EQ(view("before").state, "paused");
    EXPECT_EQ(view("before").disk_full, "");
    ASSERT_TRUE(manager().pause("during"));
    EXPECT_EQ(view("during").state, "paused");
    EXPECT_NE(view("during").disk_full, "");
    make_room();
    process->run_until([&] { return view("during").disk_full.empty(); });
    look_on();
    for (const char* name : {"before", "during"}) {
        EXPECT_EQ(view(name).state, "paused") << name;
        EXPECT_TRUE(manager().unpause(name));
        EXPECT_EQ(view(name).state, "running") << name;
    }
}

TEST_F(Space, UnpausingDoesNotMakeRoom) {
    start("web1");
    fill();
    wait_for("web1", "disk-full");
    const auto refused = manager().unpause("web1");
    ASSERT_EQ(id(refused), ErrorId::WrongState);
    EXPECT_NE(refused.error().message().find("/srv has 12 MiB left"), std::string::npos) << refused.error().message();
    EXPECT_TRUE(paused_in_hv("web1"));
    // It takes back what an administrator has done.
    ASSERT_TRUE(manager().pause("web1"));
    ASSERT_TRUE(manager().unpause("web1"));
    EXPECT_EQ(view("web1").state, "disk-full");
    EXPECT_TRUE(paused_in_hv("web1"));
    // One that is started meanwhile stands still, too.
    start("web2");
    wait_for("web2", "disk-full");
    // Something else sets it going: it stands still again.
    ASSERT_TRUE(hypervisor.unpause_domain(DomainId{domid("web1")}));
    process->run_until([&] { return paused_in_hv("web1"); });
    make_room();
    wait_for("web1", "running");
    wait_for("web2", "running");
}

TEST_F(Space, EndingAGuestThatWaits) {
    start("web1");
    fill();
    wait_for("web1", "disk-full");
    const auto refused = manager().shutdown("web1", 60);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().id(), ErrorId::WrongState);
    EXPECT_NE(refused.error().message().find("hvctl destroy web1"), std::string::npos) << refused.error().message();
    EXPECT_FALSE(manager().reboot("web1", 60));
    EXPECT_EQ(process->finish(manager().destroy("web1")).state, JobState::Done);
    EXPECT_EQ(view("web1").state, "stopped");
    EXPECT_EQ(view("web1").disk_full, "");
    // It starts, and stands still again.
    EXPECT_EQ(process->finish(manager().start("web1", false)).state, JobState::Done);
    wait_for("web1", "disk-full");
    make_room();
    wait_for("web1", "running");
}

TEST_F(Space, AGuestThatIsAskedToEndWaitsToo) {
    start("web1");
    const auto job = manager().shutdown("web1", 300);
    ASSERT_TRUE(job);
    process->run_until([&] { return manager().jobs().find(*job)->record().phase == JobPhase::WaitForReaction; });
    fill();
    wait_for("web1", "disk-full");
    make_room();
    wait_for("web1", "running");
    hypervisor.stop(domid("web1"), abi::ShutdownReason::Poweroff);
    EXPECT_EQ(process->finish(job).state, JobState::Done);
}

TEST_F(Space, WhenTheHostGoesDownNobodyWaits) {
    start("web1");
    start("web2");
    fill();
    wait_for("web1", "disk-full");
    wait_for("web2", "disk-full");
    ASSERT_TRUE(manager().pause("web2"));
    const auto job = manager().stop_all(60);
    process->run_until([&] { return !paused_in_hv("web1") && !paused_in_hv("web2"); });
    look_on();
    EXPECT_FALSE(paused_in_hv("web1"));
    for (const char* name : {"web1", "web2"}) hypervisor.stop(domid(name), abi::ShutdownReason::Poweroff);
    EXPECT_EQ(process->finish(job).state, JobState::Done);
    for (const char* name : {"web1", "web2"}) EXPECT_EQ(view(name).shutdown_reason, "poweroff") << name;
}

TEST_F(Space, TheNextProcessKnowsWhoWaits) {
    start("web1");
    start("web2");
    fill();
    wait_for("web1", "disk-full");
    wait_for("web2", "disk-full");
    ASSERT_TRUE(manager().pause("web2"));
    abandon();
    EXPECT_EQ(view("web1").state, "disk-full");
    EXPECT_EQ(view("web2").state, "paused");
    EXPECT_NE(view("web2").disk_full.find("/srv"), std::string::npos);
    look_on();
    EXPECT_EQ(view("web1").state, "disk-full");
    abandon();
    make_room();
    wait_for("web1", "running");
    process->run_until([&] { return view("web2").disk_full.empty(); });
    EXPECT_EQ(view("web2").state, "paused");
}

TEST_F(Space, AKillInBetweenLeavesNobodyPausedForEver) {
    start("web1");
    const auto killed_at = [this](const char* call) {
        bool killed = false;
        hypervisor.fail_at = [&killed, call](const std::string& at) -> hvctl::Result<void> {
            if (at != call) return {};
            killed = true;
            throw Killed{};
        };
        try {
            process->run_until([&] { return killed; });
        } catch (const Killed&) {
        }
        abandon();
        return killed;
    };
    fill();
    ASSERT_TRUE(killed_at("pause_domain"));
    wait_for("web1", "disk-full");
    make_room();
    ASSERT_TRUE(killed_at("unpause_domain"));
    wait_for("web1", "running");
    fill();
    ASSERT_TRUE(killed_at("pause_domain"));
    make_room();
    process->run_until([&] { return view("web1").disk_full.empty(); });
    EXPECT_EQ(view("web1").state, "running");
}

TEST_F(Space, ADumpDoesNotSetItGoing) {
    start("web1");
    fill();
    wait_for("web1", "disk-full");
    const auto dump = manager().dump_core("web1", folder / "web1.core", {});
    ASSERT_TRUE(dump) << dump.error().text();
    EXPECT_EQ(process->finish(dump->first).state, JobState::Done);
    EXPECT_TRUE(paused_in_hv("web1"));
    make_room();
    wait_for("web1", "running");
}

TEST_F(Space, AFileSystemThatDoesNotAnswerHoldsUpNobody) {
    std::mutex mutex;
    std::condition_variable answered;
    bool answers = true;
    bool asked = false;
    const auto hang = [&](const std::vector<ImageFile>& images) -> Result<FileSystemRoom> {
        std::unique_lock lock{mutex};
        asked = true;
        answered.wait(lock, [&] { return answers; });
        FileSystemRoom room{"/srv", kFakeRoom, 12 * kMeg, {}, {}};
        for (const ImageFile& image : images) room.growing.push_back(image.id);
        return room;
    };
    start("web1");
    {
        const std::scoped_lock lock{kernel_side().measuring};
        kernel_side().on_room = hang;
    }
    wait_for("web1", "disk-full");
    {
        const std::scoped_lock lock{mutex};
        answers = asked = false;
    }
    process->run_until([&] {
        const std::scoped_lock lock{mutex};
        return asked;
    });
    look_on();
    EXPECT_EQ(view("web1").state, "disk-full");  // what is not known changes nothing
    EXPECT_EQ(process->finish(create(definition("web2"))).state, JobState::Done);
    EXPECT_EQ(process->finish(manager().destroy("web1")).state, JobState::Done);
    {
        const std::scoped_lock lock{mutex};
        answers = true;
    }
    answered.notify_all();
    look_on();
    // The hook's thread may still look: it must not outlive what the hook has.
    const std::scoped_lock lock{kernel_side().measuring};
    kernel_side().on_room = nullptr;
}

TEST_F(Space, OneThatIsNotKnownKeepsNoGuestWaitingForAnother) {
    const std::string other = fmt::format("/dev/shm/hvctl-space-{}.img", getpid());
    std::ofstream{other} << std::string(1 << 20, '\0');
    std::atomic<bool> has_room = false;
    std::atomic<bool> other_answers = true;
    {
        const std::scoped_lock lock{kernel_side().measuring};
        kernel_side().on_room = [&](const std::vector<ImageFile>& images) -> Result<FileSystemRoom> {
            if (images.front().path == other) {
                if (!other_answers) return fail(ErrorId::Io, "it does not answer");
                return FileSystemRoom{"/mnt", kFakeRoom, kFakeRoom / 2, {}, {}};
            }
            return FileSystemRoom{"/srv", kFakeRoom, has_room ? kFakeRoom / 2 : 12 * kMeg, {images.front().id}, {}};
        };
    }
    const std::string disks =
        fmt::format("disks: [{{target: xvda, path: {}}}, {{target: xvdb, path: {}}}]\n", image("web1.img"), other);
    ASSERT_EQ(process->finish(create(definition("web1", disks))).state, JobState::Done);
    wait_for("web1", "disk-full");
    other_answers = false;
    restart();
    look_on();
    EXPECT_EQ(view("web1").state, "disk-full");
    has_room = true;
    wait_for("web1", "running");
    EXPECT_EQ(process->finish(manager().destroy("web1")).state, JobState::Done);
    const std::scoped_lock lock{kernel_side().measuring};
    kernel_side().on_room = nullptr;
    std::filesystem::remove(other);
}

}  // namespace
}  // namespace hvctld::test
