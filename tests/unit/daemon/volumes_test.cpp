// Volumes as clients see them: jobs, which domain has a volume, and the audit.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "testing.hpp"

namespace hvctld::test {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kVolumeMiB = 1 << 20;
constexpr uid_t kUser = 1000;

class VolumeJobs : public HostTest {
  protected:
    VolumeJobs() {
        config::VolumePoolSettings thick;
        thick.name = "thick";
        thick.group = "vg0";
        settings.defaults.volumes.push_back(thick);
        restart();
    }
    Volumes& volumes() { return process->manager->volumes(); }
    JobRecord create_volume(const std::string& name, std::uint64_t bytes = kVolumeMiB) {
        return process->finish(volumes().create(name, bytes, kUser));
    }
    JobRecord remove_volume(const std::string& name) { return process->finish(volumes().remove(name, kUser)); }
    VolumeList list(const std::string& pool = "") {
        std::optional<Result<VolumeList>> answer;
        volumes().list(pool, [&](const auto& given) { answer = given; });
        process->run_until([&] { return answer.has_value(); });
        EXPECT_TRUE(*answer);
        return answer->value_or(VolumeList{});
    }
    std::string listed() {
        std::string text;
        const VolumeList all = list();
        for (const VolumeView& view : all.volumes)
            text += fmt::format("{}/{} {} {}\n", view.pool, view.name, view.bytes, fmt::join(view.domains, ","));
        return text;
    }
    [[nodiscard]] std::string with_volume(const std::string& domain, const std::string& volume) const {
        return definition(domain, fmt::format("disks: [{{target: xvda, volume: {}}}]\n", volume));
    }
    [[nodiscard]] std::string path(const std::string& name) const { return folder / ("volumes/" + name); }
    FakeStorageHost& lvm() { return *hypervisor.storage; }
};

TEST_F(VolumeJobs, AreMadeUsedAndDeleted) {
    const JobRecord made = create_volume("web1");
    EXPECT_EQ(made.state, JobState::Done) << made.message;
    EXPECT_EQ(made.domain, "default/web1");
    EXPECT_EQ(listed(), "default/web1 1048576 \n");
    EXPECT_EQ(static_cast<ErrorId>(create_volume("default/web1").error), ErrorId::VolumeExists);
    ASSERT_EQ(process->finish(create(with_volume("web1", "web1"))).state, JobState::Done);
    EXPECT_EQ(process->manager->disks("web1")->front().path, path("web1"));
    EXPECT_EQ(process->manager->disks("web1")->front().volume, "default/web1");
    EXPECT_EQ(listed(), "default/web1 1048576 web1\n");
    const auto refused = volumes().remove("web1", kUser);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().id(), ErrorId::ImageBusy);
    EXPECT_NE(refused.error().message().find("a disk of web1"), std::string::npos);
    // Also when the guest does not run, and when another daemon is asked.
    process->finish(process->manager->destroy("web1"));
    restart();
    EXPECT_EQ(volumes().remove("web1", kUser).error().id(), ErrorId::ImageBusy);
    ASSERT_TRUE(process->manager->forget("web1"));
    testing::internal::CaptureStderr();
    EXPECT_EQ(remove_volume("web1").state, JobState::Done);
    const std::string audit = testing::internal::GetCapturedStderr();
    EXPECT_NE(audit.find("volume default/web1: job "), std::string::npos) << audit;
    EXPECT_NE(audit.find("deleted, 0 bytes of it written over with zeros, by user 1000"), std::string::npos) << audit;
    EXPECT_EQ(listed(), "");
}

// By another path, which no definition of a volume names.
TEST_F(VolumeJobs, WhoHasTheFileByAnotherNameHasTheVolume) {
    ASSERT_EQ(create_volume("web1").state, JobState::Done);
    fs::create_symlink(path("web1"), folder / "link.img");
    const std::string text =
        definition("web1", fmt::format("disks: [{{target: xvda, path: {}}}]\n", folder / "link.img"));
    ASSERT_EQ(process->finish(create(text)).state, JobState::Done);
    const JobRecord job = remove_volume("web1");
    EXPECT_EQ(static_cast<ErrorId>(job.error), ErrorId::ImageBusy);
    EXPECT_NE(job.message.find("xvda of web1"), std::string::npos) << job.message;
    EXPECT_TRUE(fs::exists(path("web1")));
    process->finish(process->manager->destroy("web1"));
    EXPECT_EQ(remove_volume("web1").state, JobState::Done);
}

TEST_F(VolumeJobs, NobodyIsGivenAVolumeThatIsBeingDeleted) {
    ASSERT_EQ(create_volume("web1").state, JobState::Done);
    fs::create_symlink(path("web1"), folder / "link.img");
    const auto job = volumes().remove("web1", kUser);
    ASSERT_TRUE(job);
    EXPECT_EQ(volumes().remove("web1", kUser).error().id(), ErrorId::Busy);
    EXPECT_EQ(volumes().resize("web1", 2 * kVolumeMiB, kUser).error().id(), ErrorId::Busy);
    // By a path that says nothing of the volume: what counts is the image.
    const std::string text =
        definition("web2", fmt::format("disks: [{{target: xvda, path: {}}}]\n", folder / "link.img"));
    const JobRecord start = process->finish(create(text));
    EXPECT_EQ(start.state, JobState::Failed) << start.message;
    EXPECT_EQ(process->finish(job).state, JobState::Done);
}

// What makes room needs no record; what would take more of it does.
TEST_F(VolumeJobs, AreDeletedWhenTheRegistrysDiskIsFull) {
    create_volume("big");
    process->registry->before_write = [] { return Result<void>{fail(ErrorId::Io, "database or disk is full")}; };
    (void)process->registry->set_fact("noticed", "yes");
    process->run_until([&] { return !process->manager->registry_trouble().empty(); });
    EXPECT_EQ(volumes().create("more", kVolumeMiB, kUser).error().id(), ErrorId::NoRecord);
    EXPECT_EQ(remove_volume("big").state, JobState::Done);
    EXPECT_FALSE(fs::exists(path("big")));
    process->registry->before_write = nullptr;
}

TEST_F(VolumeJobs, MistakesAreRefusedAtOnce) {
    EXPECT_EQ(volumes().create("../web1", kVolumeMiB, kUser).error().id(), ErrorId::InvalidArgument);
    EXPECT_EQ(volumes().create("a/b/c", kVolumeMiB, kUser).error().id(), ErrorId::InvalidArgument);
    EXPECT_EQ(volumes().create(std::string(64, 'a'), kVolumeMiB, kUser).error().id(), ErrorId::InvalidArgument);
    EXPECT_EQ(volumes().create("slow/web1", kVolumeMiB, kUser).error().id(), ErrorId::NoSuchVolumePool);
    EXPECT_EQ(volumes().create("web1", 100, kUser).error().id(), ErrorId::InvalidArgument);
    EXPECT_EQ(volumes().create("web1", 0, kUser).error().id(), ErrorId::InvalidArgument);
    EXPECT_EQ(volumes().import("web1", "image", "raw", kUser).error().id(), ErrorId::InvalidArgument);
    EXPECT_EQ(volumes().import("web1", "/image", "qed", kUser).error().id(), ErrorId::InvalidArgument);
    EXPECT_EQ(static_cast<ErrorId>(remove_volume("none").error), ErrorId::NoSuchVolume);
    EXPECT_EQ(static_cast<ErrorId>(remove_volume("thick/none").error), ErrorId::NoSuchVolume);
    const JobRecord start = process->finish(create(with_volume("web1", "none")));
    EXPECT_EQ(static_cast<ErrorId>(start.error), ErrorId::FileMissing);
    EXPECT_NE(start.message.find("volume default/none"), std::string::npos) << start.message;
}

TEST_F(VolumeJobs, AreEnlarged) {
    ASSERT_EQ(create_volume("web1").state, JobState::Done);
    EXPECT_EQ(process->finish(volumes().resize("web1", 2 * kVolumeMiB, kUser)).state, JobState::Done);
    EXPECT_EQ(listed(), "default/web1 2097152 \n");
    EXPECT_EQ(static_cast<ErrorId>(process->finish(volumes().resize("web1", kVolumeMiB, kUser)).error),
              ErrorId::InvalidArgument);
    // Under a guest its disk is what grows: the file and the loop device over it.
    ASSERT_EQ(process->finish(create(with_volume("web1", "web1"))).state, JobState::Done);
    testing::internal::CaptureStderr();
    EXPECT_EQ(process->finish(volumes().resize("web1", 4 * kVolumeMiB, kUser)).state, JobState::Done);
    EXPECT_EQ(hypervisor.blocks->grown, "xvda 7:0 4194304");
    EXPECT_NE(testing::internal::GetCapturedStderr().find("a disk of web1, which runs, by user 1000"),
              std::string::npos);
}

TEST_F(VolumeJobs, AnImageIsImported) {
    const std::string image = folder.file("image", "boot" + std::string(kVolumeMiB, '\0') + "end");
    testing::internal::CaptureStderr();
    const JobRecord job = process->finish(volumes().import("web1", image, "raw", kUser));
    EXPECT_EQ(job.state, JobState::Done) << job.message;
    const std::string audit = testing::internal::GetCapturedStderr();
    EXPECT_NE(audit.find("imported from " + image + " (raw)"), std::string::npos) << audit;
    std::ifstream file{path("web1"), std::ios::binary};
    const std::string content{std::istreambuf_iterator<char>{file}, {}};
    EXPECT_EQ(content.size(), kVolumeMiB + 512) << "whole sectors";
    EXPECT_EQ(content.substr(0, 4) + content.substr(kVolumeMiB + 4, 3), "bootend");
    // Into LVM, where there was something else before.
    ASSERT_EQ(process->finish(volumes().import("thick/web1", image, "raw", kUser)).state, JobState::Done);
    const std::string whole = lvm().content("web1");
    EXPECT_EQ(whole.substr(kVolumeMiB + 4), "end" + std::string(2 * kVolumeMiB - kVolumeMiB - 7, '\0'));
    EXPECT_EQ(static_cast<ErrorId>(process->finish(volumes().import("web2", folder / "none", "raw", kUser)).error),
              ErrorId::FileMissing);
    EXPECT_EQ(lvm().volumes(), "web1 2097152 hvctl\n");
}

TEST_F(VolumeJobs, AnImageThatAGuestWritesToIsNotImported) {
    ASSERT_EQ(create_volume("web1").state, JobState::Done);
    ASSERT_EQ(process->finish(create(with_volume("web1", "web1"))).state, JobState::Done);
    const JobRecord job = process->finish(volumes().import("copy", path("web1"), "raw", kUser));
    EXPECT_EQ(static_cast<ErrorId>(job.error), ErrorId::ImageBusy) << job.message;
    EXPECT_EQ(listed(), "default/web1 1048576 web1\n");
}

TEST_F(VolumeJobs, AnotherFormatIsSaidAndConverted) {
    std::string head("QFI\xfb\0\0\0\3", 8);
    head.resize(kVolumeMiB, '\0');
    const std::string image = folder.file("image.qcow2", head);
    const JobRecord raw = process->finish(volumes().import("web1", image, "raw", kUser));
    EXPECT_EQ(static_cast<ErrorId>(raw.error), ErrorId::ImageUnusable);
    EXPECT_NE(raw.message.find("--format qcow2"), std::string::npos) << raw.message;
    lvm().converted = "guest" + std::string(kVolumeMiB - 5, '\0');
    const JobRecord job = process->finish(volumes().import("web1", image, "qcow2", kUser));
    EXPECT_EQ(job.state, JobState::Done) << job.message;
    std::ifstream file{path("web1")};
    std::string first(5, ' ');
    file.read(first.data(), 5);
    EXPECT_EQ(first, "guest");
    EXPECT_TRUE(fs::is_empty(folder / "scratch"));
}

TEST_F(VolumeJobs, WhatFailsLeavesNothing) {
    lvm().on_call = [](const std::string& what) -> Result<void> {
        return what == "zero" ? fail(ErrorId::Io, "the disk is broken") : Result<void>{};
    };
    const JobRecord job = create_volume("thick/web1");
    EXPECT_EQ(job.state, JobState::Failed);
    EXPECT_NE(job.message.find("the disk is broken"), std::string::npos);
    EXPECT_EQ(listed(), "");
    lvm().on_call = nullptr;
    // What could not be erased either is kept for the next process.
    EXPECT_NE(lvm().volumes().find("_new-"), std::string::npos);
    restart();
    process->run_until([&] { return lvm().volumes().empty(); });
}

TEST_F(VolumeJobs, CancellingLeavesNothing) {
    std::atomic<bool> reached = false;
    std::atomic<bool> go_on = false;
    lvm().on_call = [&](const std::string& what) -> Result<void> {
        if (what != "zero") return {};
        reached = true;
        while (!go_on) std::this_thread::sleep_for(std::chrono::milliseconds{1});
        return {};
    };
    const auto job = volumes().create("thick/web1", kVolumeMiB, kUser);
    ASSERT_TRUE(job);
    process->run_until([&] { return reached.load(); });
    ASSERT_TRUE(process->manager->jobs().cancel(*job));
    EXPECT_EQ(volumes().create("thick/web1", kVolumeMiB, kUser).error().id(), ErrorId::Busy);
    go_on = true;
    EXPECT_EQ(process->finish(job).state, JobState::Cancelled);
    process->run_until([&] { return lvm().volumes().empty(); });
    lvm().on_call = nullptr;
    EXPECT_EQ(create_volume("thick/web1").state, JobState::Done);
}

TEST_F(VolumeJobs, AJobOfAKilledDaemonIsOver) {
    lvm().on_call = [](const std::string& what) -> Result<void> {
        if (what == "zero") std::this_thread::sleep_for(std::chrono::milliseconds{200});
        return {};
    };
    const auto job = volumes().create("thick/web1", kVolumeMiB, kUser);
    ASSERT_TRUE(job);
    process->run_until([&] { return lvm().volumes().find("_new-") != std::string::npos; });
    process->run_until([&] { return !process->registry->being_written(); });
    abandon();
    const JobRecord record = process->finish(job);
    EXPECT_EQ(static_cast<ErrorId>(record.error), ErrorId::Interrupted);
    process->run_until([&] { return lvm().volumes().empty(); });
    EXPECT_EQ(listed(), "");
}

TEST_F(VolumeJobs, APoolThatCannotBeReadIsListedWithItsTrouble) {
    lvm().on_call = [](const std::string&) -> Result<void> { return fail(ErrorId::NotSupported, "no lvm here"); };
    ASSERT_EQ(create_volume("web1").state, JobState::Done);
    const VolumeList all = list();
    ASSERT_EQ(all.pools.size(), 2u);
    EXPECT_EQ(all.pools[0].name + all.pools[0].kind + all.pools[0].trouble, "defaultdirectory");
    EXPECT_GT(all.pools[0].free, 0u);
    EXPECT_NE(all.pools[1].trouble.find("no lvm here"), std::string::npos);
    EXPECT_EQ(all.volumes.size(), 1u);
    EXPECT_EQ(list("thick").pools.size(), 1u);
    std::optional<ErrorId> error;
    volumes().list("none", [&](const Result<VolumeList>& given) { error = given.error().id(); });
    EXPECT_EQ(error, ErrorId::NoSuchVolumePool);
}

TEST_F(VolumeJobs, AVolumeIsAttachedToAGuestThatRuns) {
    ASSERT_EQ(create_volume("data").state, JobState::Done);
    ASSERT_EQ(process->finish(create(definition("web1"))).state, JobState::Done);
    ASSERT_EQ(process->finish(process->manager->attach_disk("web1", "{volume: data}")).state, JobState::Done);
    EXPECT_EQ(volumes().remove("data", kUser).error().id(), ErrorId::ImageBusy);
    restart();
    EXPECT_EQ(process->manager->disks("web1")->front().volume, "default/data");
    ASSERT_EQ(process->finish(process->manager->detach_disk("web1", "xvda", false)).state, JobState::Done);
    EXPECT_EQ(remove_volume("data").state, JobState::Done);
}

}  // namespace
}  // namespace hvctld::test
