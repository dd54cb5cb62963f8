// Core files: asked for, wanted by a definition, called off, and left by a process that was killed.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/new_file.hpp"
#include "domain/dump_folder.hpp"
#include "testing.hpp"

namespace hvctld::test {
namespace {

class CoreDumps : public HostTest {
  protected:
    JobRecord dump(const std::string& path, const CoreDumpOptions& options = {}) {
        auto begun = process->manager->dump_core("web1", path, options);
        if (!begun) return process->finish(std::unexpected(begun.error()));
        file_ = begun->second;
        return process->finish(begun->first);
    }
    [[nodiscard]] ErrorId refusal(const std::string& path) { return static_cast<ErrorId>(dump(path).error); }
    static std::string text_of(const std::string& path) {
        std::ifstream file{path};
        return {std::istreambuf_iterator<char>{file}, {}};
    }
    std::vector<std::string> dumps() {
        std::vector<std::string> names;
        std::error_code problem;
        for (const auto& entry : std::filesystem::directory_iterator{folder / "dumps", problem})
            names.push_back(entry.path().filename().string());
        std::ranges::sort(names);
        return names;
    }
    bool paused() { return view("web1").state == "paused"; }
    // Threads that write wait for go_on_.
    void hold_dumps() {
        hypervisor.dump_hook = [this] {
            ++dumps_begun_;
            writing_ = true;
            while (!go_on_) std::this_thread::yield();
        };
    }
    // Until the writing thread is there.
    void begin_held_dump(const std::string& path, const CoreDumpOptions& options = {}) {
        hold_dumps();
        job_ = process->manager->dump_core("web1", path, options).value().first;
        process->run_until([this] { return writing_.load(); });
    }

    std::string file_;
    JobId job_ = 0;
    std::atomic<int> dumps_begun_ = 0;
    std::atomic<bool> writing_ = false;
    std::atomic<bool> go_on_ = false;
};

TEST_F(CoreDumps, TheGuestStandsStillAndGoesOn) {
    process->finish(create(definition("web1")));
    const JobRecord job = dump(folder / "web1.core");
    EXPECT_EQ(job.state, JobState::Done) << job.message;
    EXPECT_EQ(file_, folder / "web1.core");
    EXPECT_EQ(text_of(file_), fmt::format("web1.core of domain {}, paused", domid("web1")));
    struct stat status {};
    ASSERT_EQ(stat(file_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0600u);
    EXPECT_EQ(view("web1").state, "running");
}

TEST_F(CoreDumps, ALiveGuestIsOnlyStoppedForAMoment) {
    process->finish(create(definition("web1")));
    begin_held_dump(folder / "web1.core", {.live = true});
    EXPECT_FALSE(paused());
    go_on_ = true;
    process->finish(job_);
    EXPECT_EQ(text_of(folder / "web1.core"), fmt::format("web1.core of domain {}, live", domid("web1")));
}

TEST_F(CoreDumps, APausedGuestStaysPaused) {
    process->finish(create(definition("web1")));
    ASSERT_TRUE(process->manager->pause("web1"));
    EXPECT_EQ(dump("").state, JobState::Done);
    EXPECT_TRUE(paused());
    EXPECT_EQ(dump(folder / "live.core", {.live = true}).state, JobState::Done);
    EXPECT_TRUE(paused());
}

TEST_F(CoreDumps, CrashEndsTheDomain) {
    process->finish(create(definition("web1")));
    EXPECT_EQ(dump(folder / "web1.core", {.crash = true}).state, JobState::Done);
    EXPECT_EQ(view("web1").state, "stopped");
    EXPECT_EQ(guests(), 0u);
}

TEST_F(CoreDumps, WithoutANameItIsInTheHostsFolder) {
    process->finish(create(definition("web1")));
    ASSERT_EQ(dump("").state, JobState::Done);
    ASSERT_EQ(dumps().size(), 1u);
    EXPECT_EQ(folder / ("dumps/" + dumps().front()), file_);
    struct stat status {};
    ASSERT_EQ(stat((folder / "dumps").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0700u);
}

TEST_F(CoreDumps, NothingIsWrittenOverAndNoLinkIsFollowed) {
    process->finish(create(definition("web1")));
    const std::string there = folder.file("there", "mine");
    EXPECT_EQ(refusal(there), ErrorId::FileExists);
    EXPECT_EQ(text_of(there), "mine");
    std::filesystem::create_symlink(folder / "nowhere", folder / "link");
    EXPECT_EQ(refusal(folder / "link"), ErrorId::FileExists);
    std::filesystem::create_directory(folder / "real");
    std::filesystem::create_directory_symlink(folder / "real", folder / "linked");
    EXPECT_EQ(refusal(folder / "linked/web1.core"), ErrorId::InvalidArgument);
    EXPECT_EQ(refusal(folder / "nowhere/web1.core"), ErrorId::FileMissing);
    EXPECT_EQ(refusal("web1.core"), ErrorId::InvalidArgument);
    EXPECT_EQ(refusal(folder / "real/.."), ErrorId::InvalidArgument);
    EXPECT_EQ(view("web1").state, "running");
}

TEST_F(CoreDumps, AFileThatComesMeanwhileStays) {
    process->finish(create(definition("web1")));
    begin_held_dump(folder / "web1.core");
    (void)folder.file("web1.core", "theirs");
    go_on_ = true;
    EXPECT_EQ(process->finish(job_).error, static_cast<std::uint16_t>(ErrorId::FileExists));
    EXPECT_EQ(text_of(folder / "web1.core"), "theirs");
    EXPECT_EQ(view("web1").state, "running");
}

TEST_F(CoreDumps, RoomIsAskedForFirst) {
    const auto file = NewFile::create(folder / "large");
    ASSERT_TRUE(file) << file.error().text();
    EXPECT_TRUE(file->require_room(1));
    EXPECT_EQ(file->require_room(std::uint64_t{1} << 62).error().id(), ErrorId::NoRoom);
    EXPECT_FALSE(std::filesystem::exists(folder / "large"));
}

TEST_F(CoreDumps, OtherThingsWaitOrAreRefused) {
    process->finish(create(definition("web1")));
    begin_held_dump(folder / "web1.core");
    EXPECT_TRUE(paused());
    EXPECT_EQ(process->manager->unpause("web1").error().id(), ErrorId::Busy);
    EXPECT_EQ(process->manager->dump_core("web1", "", {}).error().id(), ErrorId::Busy);
    EXPECT_EQ(process->manager->reboot("web1", 10).error().id(), ErrorId::Busy);
    go_on_ = true;
    EXPECT_EQ(process->finish(job_).state, JobState::Done);
}

// A disk that does not answer keeps the thread, and nothing else.
TEST_F(CoreDumps, ADestroyWaitsForNoDisk) {
    process->finish(create(definition("web1")));
    begin_held_dump(folder / "web1.core");
    EXPECT_EQ(process->finish(process->manager->destroy("web1")).state, JobState::Done);
    EXPECT_EQ(process->finish(job_).state, JobState::Cancelled);
    EXPECT_EQ(guests(), 0u);
    go_on_ = true;
    process->settle();
    EXPECT_FALSE(std::filesystem::exists(folder / "web1.core"));
}

TEST_F(CoreDumps, CalledOffTheGuestGoesOn) {
    process->finish(create(definition("web1")));
    begin_held_dump(folder / "web1.core");
    ASSERT_TRUE(process->manager->jobs().cancel(job_));
    EXPECT_EQ(process->finish(job_).state, JobState::Cancelled);
    EXPECT_EQ(view("web1").state, "running");
    go_on_ = true;
}

TEST_F(CoreDumps, AKilledDaemonLeavesNothingAndAGuestThatGoesOn) {
    process->finish(create(definition("web1")));
    begin_held_dump(folder / "web1.core");
    EXPECT_TRUE(paused());
    process->run_until([this] { return !process->registry->being_written(); });
    abandon();
    process->settle();
    EXPECT_EQ(view("web1").state, "running");
    EXPECT_EQ(process->registry->jobs().at(job_).error, static_cast<std::uint16_t>(ErrorId::Interrupted));
    go_on_ = true;
}

// What a definition says of the end of a run.
class CoreDumpsOfEnds : public CoreDumps {
  protected:
    void end(abi::ShutdownReason reason) {
        const std::uint16_t before = domid("web1");
        hypervisor.stop(before, reason);
        process->run_until([&] { return domid("web1") != before; });
        process->settle();
    }
};

TEST_F(CoreDumpsOfEnds, BeforeARestart) {
    process->finish(create(definition("web1", "on_crash: coredump-restart\n")));
    const std::uint16_t before = domid("web1");
    end(abi::ShutdownReason::Crash);
    EXPECT_EQ(view("web1").state, "running");
    ASSERT_EQ(dumps().size(), 1u);
    EXPECT_EQ(text_of(folder / ("dumps/" + dumps().front())),
              fmt::format("{} of domain {}, paused", dumps().front(), before));
}

TEST_F(CoreDumpsOfEnds, BeforeTheEnd) {
    process->finish(create(definition("web1", "on_poweroff: coredump-destroy\n")));
    end(abi::ShutdownReason::Poweroff);
    EXPECT_EQ(view("web1").state, "stopped");
    EXPECT_EQ(dumps().size(), 1u);
    EXPECT_EQ(guests(), 0u);
}

TEST_F(CoreDumpsOfEnds, AWatchdogHasItsOwnAction) {
    process->finish(create(definition("web1", "on_watchdog: coredump-destroy\non_crash: restart\n")));
    end(abi::ShutdownReason::Watchdog);
    EXPECT_EQ(view("web1").state, "crashed");
    EXPECT_EQ(view("web1").shutdown_reason, "watchdog");
    EXPECT_EQ(dumps().size(), 1u);
}

TEST_F(CoreDumpsOfEnds, WithoutOneOfItsOwnAWatchdogIsACrash) {
    process->finish(create(definition("web1", "on_crash: destroy\n")));
    end(abi::ShutdownReason::Watchdog);
    EXPECT_EQ(view("web1").state, "crashed");
    EXPECT_TRUE(dumps().empty());
}

TEST_F(CoreDumpsOfEnds, NoDumpKeepsAGuestFromItsRestart) {
    for (const char* call : {"collect_core", "write_core"}) {
        process->finish(create(definition("web1", "on_crash: coredump-restart\n")));
        hypervisor.fail_at = [call](const std::string& now) -> hvctl::Result<void> {
            if (now == call) return hvctl::fail(hvctl::ErrorCode::LimitReached, "no space left on device");
            return {};
        };
        end(abi::ShutdownReason::Crash);
        EXPECT_EQ(view("web1").state, "running") << call;
        hypervisor.fail_at = nullptr;
        process->finish(process->manager->destroy("web1"));
    }
    EXPECT_TRUE(dumps().empty());
}

TEST_F(CoreDumpsOfEnds, ADestroyDoesNotWaitForTheDump) {
    process->finish(create(definition("web1", "on_crash: coredump-restart\n")));
    hold_dumps();
    hypervisor.stop(domid("web1"), abi::ShutdownReason::Crash);
    process->run_until([this] { return writing_.load(); });
    EXPECT_EQ(process->finish(process->manager->destroy("web1")).state, JobState::Done);
    go_on_ = true;
    process->settle();
    EXPECT_EQ(view("web1").state, "stopped");
    EXPECT_EQ(guests(), 0u);
}

// Nor does one that would only do what is under way.
TEST_F(CoreDumpsOfEnds, ADestroyDoesNotWaitForTheDumpOfAnEnd) {
    process->finish(create(definition("web1", "on_crash: coredump-destroy\n")));
    hold_dumps();
    hypervisor.stop(domid("web1"), abi::ShutdownReason::Crash);
    process->run_until([this] { return writing_.load(); });
    EXPECT_EQ(process->finish(process->manager->destroy("web1")).state, JobState::Done);
    EXPECT_EQ(guests(), 0u);
    go_on_ = true;
    process->settle();
}

TEST_F(CoreDumpsOfEnds, ADumpThatIsCalledOffIsNotTriedAgainNorTheCrashCounted) {
    process->finish(create(definition("web1", "on_crash: coredump-restart\nrestart: {max: 1}\n")));
    hold_dumps();
    const std::uint16_t first = domid("web1");
    hypervisor.stop(first, abi::ShutdownReason::Crash);
    process->run_until([this] { return writing_.load(); });
    ASSERT_TRUE(process->manager->jobs().cancel(view("web1").job));
    process->run_until([&] { return view("web1").state == "running" && domid("web1") != first; });
    go_on_ = true;
    process->settle();
    EXPECT_EQ(dumps_begun_, 1);
}

TEST_F(CoreDumps, AShutdownDoesNotEndAGuestThatWasPausedBefore) {
    process->finish(create(definition("web1")));
    ASSERT_TRUE(process->manager->pause("web1"));
    begin_held_dump(folder / "web1.core");
    const JobRecord job = process->finish(process->manager->shutdown("web1", 10));
    EXPECT_EQ(static_cast<ErrorId>(job.error), ErrorId::WrongState) << job.message;
    EXPECT_TRUE(paused());
    go_on_ = true;
    process->settle();
}

TEST_F(CoreDumpsOfEnds, APreservedGuestCanBeDumpedDestroyedAndStarted) {
    process->finish(create(definition("web1", "on_crash: preserve\n")));
    hypervisor.stop(domid("web1"), abi::ShutdownReason::Crash);
    process->run_until([&] { return view("web1").state == "crashed"; });
    process->settle();
    EXPECT_EQ(dump(folder / "web1.core").state, JobState::Done);
    EXPECT_EQ(view("web1").state, "crashed");
    EXPECT_EQ(process->finish(process->manager->destroy("web1")).state, JobState::Done);
    EXPECT_EQ(process->finish(process->manager->start("web1", false)).state, JobState::Done);
    EXPECT_EQ(view("web1").state, "running");
}

TEST(DumpFolder, KeepsTheNewestOfEachDomain) {
    const TemporaryFolder folder;
    constexpr std::uint64_t kDay = 86'400'000'000;
    EXPECT_EQ(dump_path("/d", "web-1", kDay), "/d/web-1-19700102T000000Z.core");
    for (std::uint64_t day = 1; day <= 5; ++day) {
        const std::string name = std::filesystem::path{dump_path("/d", "web", day * kDay)}.filename();
        (void)folder.file(name, "");
        (void)folder.file(std::filesystem::path{dump_path("/d", "web-1", day * kDay)}.filename(), "");
    }
    (void)folder.file("web-notes.core", "");
    trim_dumps(folder / "", "web", dump_path(folder / "", "web", 5 * kDay), 3);
    const auto there = [&](const std::string& name) { return std::filesystem::exists(folder / name); };
    EXPECT_FALSE(there("web-19700102T000000Z.core"));
    EXPECT_FALSE(there("web-19700103T000000Z.core"));
    EXPECT_TRUE(there("web-19700104T000000Z.core"));
    EXPECT_TRUE(there("web-1-19700102T000000Z.core"));
    EXPECT_TRUE(there("web-notes.core"));
    // The clock was set back before this one.
    const std::string latest = dump_path(folder / "", "web", kDay);
    (void)folder.file(std::filesystem::path{latest}.filename(), "");
    trim_dumps(folder / "", "web", latest, 3);
    EXPECT_TRUE(there("web-19700102T000000Z.core"));
    EXPECT_FALSE(there("web-19700104T000000Z.core"));
    EXPECT_TRUE(there("web-19700105T000000Z.core"));
    EXPECT_TRUE(there("web-19700106T000000Z.core"));
}

}  // namespace
}  // namespace hvctld::test
