// A create that is refused or fails leaves things as they were.
#include <fcntl.h>
#include <fmt/format.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <thread>
#include <vector>

#include "testing.hpp"

namespace hvctld::test {
namespace {

using Draft = HostTest;

TEST_F(Draft, AGoodDefinitionIsNotReplacedByABadOne) {
    process->finish(create(definition("web1", "vcpus: 2\n")));
    hypervisor.print(domid("web1"), "its last words");
    process->finish(process->manager->destroy("web1"));
    const DomainView before = view("web1");
    const JobRecord job = process->finish(
        process->manager->create(definition("web1", "uuid: 11111111-2222-3333-4444-555555555555\n"), "bad.yaml",
                                 std::vector<std::string>{"kernel=/etc/passwd"}, {.ephemeral = true}));
    EXPECT_EQ(job.state, JobState::Failed);
    process->settle();
    const DomainView after = view("web1");
    EXPECT_EQ(after.uuid, before.uuid);
    EXPECT_EQ(after.vcpus, 2u);
    EXPECT_EQ(after.state, "stopped");
    EXPECT_EQ(after.shutdown_reason, "destroyed");
    EXPECT_EQ(log("web1"), "its last words");
    restart();
    EXPECT_EQ(view("web1").vcpus, 2u);
    // A disk that takes its time has none yet.
    process->run_until([&] { return !process->manager->definition("web1")->revisions.empty(); });
    EXPECT_EQ(process->manager->definition("web1")->revisions.size(), 1u);
    EXPECT_EQ(process->finish(process->manager->start("web1", false)).state, JobState::Done);
    EXPECT_EQ(view("web1").max_vcpus, 2u);
}

// It is its file's domain as before: what was changed while it ran stays, and so does when it last ended.
TEST_F(Draft, AFailedCreateLosesNoChangeOfTheDomain) {
    const std::string text = definition("web1", "autostart: true\n");
    const std::string file = folder.file("web1.yaml", text);
    process->finish(process->manager->create(text, file, {}, {}));
    process->finish(process->manager->destroy("web1"));
    const DomainView before = view("web1");
    std::filesystem::rename(kernel, kernel + ".away");
    EXPECT_EQ(process->finish(process->manager->create(text, file, {}, {})).state, JobState::Failed);
    process->settle();
    std::filesystem::rename(kernel + ".away", kernel);
    EXPECT_EQ(view("web1").ended_us, before.ended_us);
    const DomainRecord record = process->registry->domains().value().front();
    EXPECT_EQ(record.source, file);
    EXPECT_EQ(record.source_hash, config::stable_hash(text));
}

TEST_F(Draft, KilledInTheMiddleItIsStillADraft) {
    process->finish(create(definition("web1", "vcpus: 2\n")));
    process->finish(process->manager->destroy("web1"));
    hypervisor.fail_at = [](const std::string& call) -> hvctl::Result<void> {
        if (call == "set_claim") throw Killed{};
        return {};
    };
    EXPECT_THROW(process->finish(create(definition("web1", "vcpus: 3\n"))), Killed);
    std::filesystem::remove(kernel);  // so that the job, which goes on, fails
    abandon();
    process->settle();
    EXPECT_EQ(view("web1").vcpus, 2u);
    EXPECT_EQ(view("web1").state, "stopped");
    EXPECT_EQ(guests(), 0u);
}

TEST_F(Draft, ARefusedCreateLeavesNoTrace) {
    process->finish(create(definition("web1")));
    const auto stop = process->manager->stop_all(300);
    EXPECT_EQ(create(definition("web2", "autostart: true\n")).error().id(), ErrorId::Busy);
    EXPECT_FALSE(process->manager->get("web2"));
    EXPECT_EQ(process->registry->domains().value().size(), 1u);
    hypervisor.stop(domid("web1"), abi::ShutdownReason::Poweroff);
    process->finish(stop);
}

TEST_F(Draft, AFailedCreateLeavesNoLog) {
    const auto job =
        process->manager->create(definition("web1"), "bad.yaml", std::vector<std::string>{"kernel=/etc/passwd"}, {});
    EXPECT_EQ(process->finish(job).state, JobState::Failed);
    process->settle();
    EXPECT_FALSE(std::filesystem::exists(folder / "console/web1.log"));
}

// The guest before had printed nothing, so that its log was empty.
TEST_F(Draft, AFailedCreateKeepsTheLogOfTheNextOne) {
    process->finish(create(definition("web1")));
    process->finish(process->manager->destroy("web1"));
    const auto bad =
        process->manager->create(definition("web1"), "bad.yaml", std::vector<std::string>{"kernel=/etc/passwd"}, {});
    EXPECT_EQ(process->finish(bad).state, JobState::Failed);
    process->settle();
    process->finish(process->manager->start("web1", false));
    hypervisor.print(domid("web1"), "here I am");
    process->run_until([&] { return log("web1") == "here I am"; });
    EXPECT_TRUE(console_log("web1"));
}

// A file of gigabytes, which takes no room: it is not read into the host's memory to be refused then.
TEST_F(Draft, AnInitrdThatIsLargerThanTheGuestIsNotRead) {
    const std::string huge = folder.file("initrd", "");
    std::filesystem::resize_file(huge, std::uintmax_t{64} << 30);
    const JobRecord job = process->finish(create(definition("web1", "initrd: " + huge + "\n")));
    EXPECT_EQ(job.error, static_cast<std::uint16_t>(ErrorId::KernelTooLarge)) << job.message;
    std::filesystem::resize_file(huge, std::uintmax_t{3} << 30);
    const JobRecord second = process->finish(create(definition("web1", "initrd: " + huge + "\n")));
    EXPECT_EQ(second.error, static_cast<std::uint16_t>(ErrorId::KernelTooLarge)) << second.message;
    EXPECT_NE(second.message.find("134217728"), std::string::npos) << second.message;  // the guest's memory
}

// Opening it waits for as long as this lives, or 45 s: a disk that does not answer.
class SilentFile {
  public:
    explicit SilentFile(const std::string& path) : file_{::open(path.c_str(), O_RDWR | O_CLOEXEC)} {
        std::signal(SIGIO, SIG_IGN);  // sent when another process waits for the file
        EXPECT_EQ(fcntl(file_.get(), F_SETLEASE, F_WRLCK), 0) << std::strerror(errno);
    }

  private:
    UniqueFd file_;
};

TEST_F(Draft, AFileThatIsNotAnsweredForHoldsUpNobodyElse) {
    process->finish(create(definition("web1")));
    const std::string silent = folder.file("silent", "KERNEL");
    std::vector<JobId> hanging;
    {
        const SilentFile lease{silent};
        constexpr std::size_t kMany = Loop::kPoolThreads + 1;
        for (std::size_t i = 0; i < kMany; ++i) {
            const std::string name = "slow" + std::to_string(i);
            hanging.push_back(create(fmt::format("name: {}\nmemory: 16MiB\nkernel: {}\n", name, silent)).value());
        }
        EXPECT_EQ(process->finish(create(definition("web2"))).state, JobState::Done);
        EXPECT_EQ(process->finish(process->manager->destroy("web1")).state, JobState::Done);
        // Called off at once, whatever the file does.
        EXPECT_EQ(process->finish(process->manager->destroy("slow0")).state, JobState::Done);
        EXPECT_EQ(process->finish(hanging[0]).state, JobState::Cancelled);
        EXPECT_FALSE(process->manager->get("slow0"));
        EXPECT_EQ(process->manager->jobs().find(hanging[1])->record().phase, JobPhase::LookForFiles);
    }
    for (std::size_t i = 1; i < hanging.size(); ++i) EXPECT_EQ(process->finish(hanging[i]).state, JobState::Done);
}

TEST_F(Draft, DryRunsThatHangHoldUpNeitherEndsNorStarts) {
    process->finish(create(definition("web1")));
    std::atomic<bool> go_on = false;
    hypervisor.fail_at = [&](const std::string& call) -> hvctl::Result<void> {
        while (call == "check_build" && !go_on) std::this_thread::yield();
        return {};
    };
    constexpr std::size_t kDryRuns = Loop::kPoolThreads + 1;
    std::size_t answered = 0;
    for (std::size_t i = 0; i < kDryRuns; ++i) {
        process->manager->validate(definition("web2"), "web2.yaml", {}, true, [&](const Result<Validation>& result) {
            EXPECT_TRUE(result);
            ++answered;
        });
    }
    EXPECT_EQ(process->finish(process->manager->destroy("web1")).state, JobState::Done);
    EXPECT_EQ(process->finish(create(definition("web3"))).state, JobState::Done);
    EXPECT_EQ(answered, 0u);
    go_on = true;
    process->run_until([&] { return answered == kDryRuns; });
    hypervisor.fail_at = nullptr;
}

TEST_F(Draft, StartNeedsAStoppedDomain) {
    EXPECT_EQ(process->manager->start("web1", false).error().id(), ErrorId::NoSuchDomain);
    process->finish(create(definition("web1")));
    EXPECT_EQ(process->manager->start("web1", false).error().id(), ErrorId::WrongState);
    process->finish(process->manager->destroy("web1"));
    EXPECT_EQ(process->finish(process->manager->start("web1", true)).state, JobState::Done);
    EXPECT_EQ(view("web1").state, "paused");
}

TEST_F(Draft, TheUuidOfDomain0IsRefused) {
    const auto refused = create(definition("web1", "uuid: 00000000-0000-0000-0000-000000000000\n"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().id(), ErrorId::DefinitionInvalid);
}

}  // namespace
}  // namespace hvctld::test
