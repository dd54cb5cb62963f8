// Pools of volumes by themselves: what is in a volume when it is there, and what is left when it is not.
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "config/devices.hpp"
#include "config/settings.hpp"
#include "fake_storage_host.hpp"
#include "storage/convert.hpp"
#include "storage/filling.hpp"
#include "storage/image_format.hpp"
#include "storage/volume_pool.hpp"
#include "testing.hpp"

namespace hvctld::test {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kPoolMiB = 1 << 20;

class VolumePools : public testing::Test {
  protected:
    std::shared_ptr<VolumePool> in_folder() {
        config::VolumePoolSettings settings;
        settings.name = "default";
        settings.path = folder / "volumes";
        return make_volume_pool(settings, host);
    }
    std::shared_ptr<VolumePool> lvm(const std::string& thin = "") {
        config::VolumePoolSettings settings;
        settings.name = "fast";
        settings.group = "vg0";
        settings.thin = thin;
        return make_volume_pool(settings, host);
    }
    Result<void> make(VolumePool& pool, const std::string& name, std::uint64_t bytes) {
        auto fresh = pool.create(name, bytes);
        if (!fresh) return std::unexpected(fresh.error());
        if (auto cleared = (*fresh)->clear(pace); !cleared) return cleared;
        return (*fresh)->publish();
    }
    static std::string names(VolumePool& pool) {
        std::string text;
        const auto all = pool.list().value_or(std::vector<VolumeInfo>{});
        for (const VolumeInfo& info : all) text += fmt::format("{} {}\n", info.name, info.bytes);
        return text;
    }
    [[nodiscard]] std::string files() const {
        std::string text;
        for (const auto& entry : fs::directory_iterator{folder / "volumes"})
            text += entry.path().filename().string() + " ";
        return text;
    }

    TemporaryFolder folder;
    std::shared_ptr<FakeStorageHost> host = std::make_shared<FakeStorageHost>();
    Pace pace;
};

TEST_F(VolumePools, AFileIsSparseAndRootsAlone) {
    const auto pool = in_folder();
    ASSERT_TRUE(make(*pool, "web1", 64 * kPoolMiB));
    struct stat status {};
    ASSERT_EQ(::stat(pool->path_of("web1").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
    EXPECT_EQ(status.st_size, static_cast<off_t>(64 * kPoolMiB));
    EXPECT_LT(status.st_blocks * 512, static_cast<long>(kPoolMiB));
    EXPECT_EQ(names(*pool), "web1 67108864\n");
    EXPECT_EQ(make(*pool, "web1", kPoolMiB).error().id(), ErrorId::VolumeExists);
    EXPECT_TRUE(pool->grow("web1", 65 * kPoolMiB, pace));
    EXPECT_EQ(pool->grow("web1", kPoolMiB, pace).error().id(), ErrorId::InvalidArgument);
    EXPECT_EQ(names(*pool), "web1 68157440\n");
    EXPECT_EQ(files(), "web1 ");
}

TEST_F(VolumePools, AFileThatIsNotPublishedIsNotThere) {
    const auto pool = in_folder();
    {
        const auto fresh = pool->create("web1", kPoolMiB);
        ASSERT_TRUE(fresh);
        EXPECT_EQ(names(*pool), "");
        // Another file takes the name, and keeps it.
        std::ofstream{pool->path_of("web1")} << "his";
        EXPECT_EQ((*fresh)->publish().error().id(), ErrorId::VolumeExists);
    }
    EXPECT_EQ(files(), "web1 ");
    EXPECT_EQ(names(*pool), "web1 3\n");
}

// What the disk had stays readable through another descriptor for as long as that is open: zeros, that is.
TEST_F(VolumePools, WhatIsDeletedIsErasedFirst) {
    const auto pool = in_folder();
    ASSERT_TRUE(make(*pool, "web1", kPoolMiB));
    const UniqueFd file{::open(pool->path_of("web1").c_str(), O_RDWR | O_CLOEXEC)};
    ASSERT_EQ(::pwrite(file.get(), "secret", 6, 4096), 6);
    const auto removed = pool->remove("web1", pace);
    ASSERT_TRUE(removed) << removed.error().text();
    EXPECT_EQ(*removed, "4096 bytes of it written over with zeros");
    std::string after(6, 'x');
    ASSERT_EQ(::pread(file.get(), after.data(), 6, 4096), 6);
    EXPECT_EQ(after, std::string(6, '\0'));
    EXPECT_EQ(files(), "");
    EXPECT_EQ(pool->remove("web1", pace).error().id(), ErrorId::NoSuchVolume);
}

TEST_F(VolumePools, OnlyVolumesAreVolumes) {
    const auto pool = in_folder();
    ASSERT_TRUE(make(*pool, "web1", kPoolMiB));
    fs::create_symlink("/etc/passwd", pool->path_of("link"));
    fs::create_directory(pool->path_of("folder"));
    EXPECT_EQ(names(*pool), "web1 1048576\n");
    for (const char* name : {"link", "folder"}) EXPECT_FALSE(pool->remove(name, pace)) << name;
    EXPECT_TRUE(fs::exists("/etc/passwd"));
    fs::create_hard_link(pool->path_of("web1"), pool->path_of("other"));
    EXPECT_EQ(pool->remove("web1", pace).error().id(), ErrorId::ImageBusy);
}

TEST_F(VolumePools, AFolderThatOthersWriteToIsRefused) {
    const auto pool = in_folder();
    ASSERT_TRUE(make(*pool, "web1", kPoolMiB));
    ASSERT_EQ(::chmod((folder / "volumes").c_str(), 0777), 0);
    EXPECT_EQ(pool->list().error().id(), ErrorId::AccessDenied);
}

TEST_F(VolumePools, WhatAKilledProcessLeftIsSwept) {
    ASSERT_TRUE(make(*in_folder(), "web1", kPoolMiB));
    std::ofstream{folder / "volumes/.new-1"} << "half an image";
    std::ofstream{folder / "volumes/.gone-2"} << "half erased";
    const auto next = in_folder();
    const auto fresh = next->create("web2", kPoolMiB);  // before the sweep: none of what it is about
    ASSERT_TRUE(fresh);
    const UniqueFd left{::open((folder / "volumes/.new-1").c_str(), O_RDONLY | O_CLOEXEC)};
    ASSERT_TRUE(next->sweep(pace));
    std::string after(4, 'x');
    ASSERT_EQ(::pread(left.get(), after.data(), 4, 0), 4);
    EXPECT_EQ(after, std::string(4, '\0'));
    ASSERT_TRUE((*fresh)->publish());
    EXPECT_EQ(names(*next), "web1 1048576\nweb2 1048576\n");
}

TEST_F(VolumePools, AThickVolumeIsZeroedBeforeItIsThere) {
    const auto pool = lvm();
    const auto fresh = pool->create("web1", kPoolMiB + 512);
    ASSERT_TRUE(fresh) << fresh.error().text();
    EXPECT_EQ(names(*pool), "");
    EXPECT_NE(host->volumes().find("_new-"), std::string::npos);
    ASSERT_TRUE((*fresh)->clear(pace));
    ASSERT_TRUE((*fresh)->publish());
    EXPECT_EQ(names(*pool), "web1 2097152\n");
    EXPECT_EQ(host->content("web1"), std::string(2 * kPoolMiB, '\0'));
    EXPECT_EQ(make(*pool, "web1", kPoolMiB).error().id(), ErrorId::VolumeExists);
    EXPECT_EQ(make(*pool, "web2", 99 * kPoolMiB).error().id(), ErrorId::NoRoom);
    EXPECT_EQ(host->volumes(), "web1 2097152 hvctl\n");
    for (const std::string& command : host->commands())
        EXPECT_NE(command.find(" -- vg0"), std::string::npos) << command;
}

TEST_F(VolumePools, AThinVolumeComesFromAPoolThatZeroes) {
    const auto pool = lvm("thin");
    ASSERT_TRUE(make(*pool, "web1", 8 * kPoolMiB));
    EXPECT_EQ(pool->list()->front().allocated, 4 * kPoolMiB);
    EXPECT_EQ(pool->space()->free, 12 * kPoolMiB);
    EXPECT_TRUE(pool->grow("web1", 12 * kPoolMiB, pace));
    EXPECT_EQ(names(*lvm()), "") << "thick and thin volumes are of different pools";
    const auto removed = pool->remove("web1", pace);
    ASSERT_TRUE(removed) << removed.error().text();
    EXPECT_EQ(*removed, "12582912 bytes of it discarded");
    host->pool_zeroes = false;
    EXPECT_NE(make(*pool, "web2", kPoolMiB).error().message().find("lvchange --zero y vg0/thin"), std::string::npos);
    EXPECT_EQ(host->volumes(), "");
}

TEST_F(VolumePools, WhatCannotBeDiscardedIsWrittenOver) {
    const auto pool = lvm("thin");
    ASSERT_TRUE(make(*pool, "web1", 2 * kPoolMiB));
    host->write("web1", "secret");
    host->can_discard = false;
    const UniqueFd device = std::move(*host->open_device("/dev/vg0/web1"));
    EXPECT_EQ(pool->remove("web1", pace).value_or(""), "2097152 bytes of it zeroed");
    std::string after(6, 'x');
    ASSERT_EQ(::pread(device.get(), after.data(), 6, 0), 6);
    EXPECT_EQ(after, std::string(6, '\0'));
}

TEST_F(VolumePools, LvmsOwnVolumesAreNobodysToDelete) {
    host->add("root", 4 * kPoolMiB, {});
    const auto pool = lvm();
    EXPECT_EQ(names(*pool), "");
    EXPECT_EQ(pool->remove("root", pace).error().id(), ErrorId::NoSuchVolume);
    EXPECT_EQ(pool->grow("root", 8 * kPoolMiB, pace).error().id(), ErrorId::NoSuchVolume);
    EXPECT_EQ(make(*pool, "root", kPoolMiB).error().id(), ErrorId::VolumeExists);
}

TEST_F(VolumePools, WhatAThickVolumeGainsIsZeroedBeforeItHasItsNameAgain) {
    const auto pool = lvm();
    ASSERT_TRUE(make(*pool, "web1", kPoolMiB));
    host->write("web1", "kept");
    host->on_call = [this](const std::string& what) -> Result<void> {
        if (what == "zero") {
            EXPECT_EQ(host->volumes().find("web1 "), host->volumes().find("_grow-web1") + 6);
        }
        return {};
    };
    ASSERT_TRUE(pool->grow("web1", 3 * kPoolMiB, pace));
    EXPECT_EQ(host->volumes(), "web1 3145728 hvctl\n");
    EXPECT_EQ(host->content("web1"), "kept" + std::string(3 * kPoolMiB - 4, '\0'));
    // Where there is no room it is as it was.
    EXPECT_EQ(pool->grow("web1", 99 * kPoolMiB, pace).error().id(), ErrorId::NoRoom);
    EXPECT_EQ(host->volumes(), "web1 3145728 hvctl\n");
}

// Killed before each of its calls in turn, an enlargement is finished by the next process, and nothing is lost.
TEST_F(VolumePools, AnEnlargementThatIsKilledIsFinished) {
    for (int stop = 1; stop < 20; ++stop) {
        host = std::make_shared<FakeStorageHost>();
        const auto pool = lvm();
        ASSERT_TRUE(make(*pool, "web1", kPoolMiB));
        host->write("web1", "kept");
        int calls = 0;
        host->on_call = [&](const std::string&) -> Result<void> {
            if (++calls >= stop) return fail(ErrorId::Internal, "killed");
            return {};
        };
        const bool done = pool->grow("web1", 2 * kPoolMiB, pace).has_value();
        host->on_call = nullptr;
        ASSERT_TRUE(lvm()->sweep(pace)) << stop;
        const bool grown = host->volumes() == "web1 2097152 hvctl\n";
        EXPECT_TRUE(grown || host->volumes() == "web1 1048576 hvctl\n") << stop << host->volumes();
        EXPECT_EQ(host->content("web1"), "kept" + std::string((grown ? 2 : 1) * kPoolMiB - 4, '\0')) << stop;
        if (done) {
            EXPECT_TRUE(grown);
            return;
        }
    }
    FAIL() << "it never ends";
}

TEST_F(VolumePools, WhatIsHalfMadeOrHalfErasedInLvmIsSwept) {
    host->add("_new-1", kPoolMiB, {"hvctl"});
    host->add("_gone-2", kPoolMiB, {"hvctl"});
    host->add("_new-else", kPoolMiB, {"others"});
    ASSERT_TRUE(lvm()->sweep(pace));
    EXPECT_EQ(host->volumes(), "_new-else 1048576 others\n");
}

TEST_F(VolumePools, LvmsRefusalIsToldInItsWords) {
    host->on_call = [](const std::string&) -> Result<void> {
        return fail(ErrorId::NotSupported, "lvm is not installed");
    };
    EXPECT_EQ(lvm()->list().error().text(), "HV-E0005: the pool fast: lvm is not installed");
    host->on_call = nullptr;
    EXPECT_NE(lvm("none")->space().error().message().find("there is no thin pool vg0/none"), std::string::npos);
}

TEST_F(VolumePools, HolesAndZerosAreNotCopied) {
    const std::string from = folder.file("from", std::string(2 * kPoolMiB, '\0') + "text" + std::string(100, '\0'));
    const UniqueFd source{::open(from.c_str(), O_RDONLY | O_CLOEXEC)};
    const UniqueFd to{::open((folder / "to").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
    const std::uint64_t bytes = 2 * kPoolMiB + 104;
    ASSERT_EQ(::ftruncate(to.get(), 3 * kPoolMiB), 0);
    ASSERT_TRUE(copy_sparsely(source.get(), to.get(), bytes, pace));
    struct stat status {};
    ASSERT_EQ(::fstat(to.get(), &status), 0);
    EXPECT_LE(status.st_blocks * 512, 8192);
    std::string text(4, 'x');
    ASSERT_EQ(::pread(to.get(), text.data(), 4, 2 * kPoolMiB), 4);
    EXPECT_EQ(text, "text");
}

// The first bytes of an image in qcow2, of version 3.
std::string qcow2_head(std::uint8_t backing = 0, std::uint8_t features = 0) {
    std::string head("QFI\xfb\0\0\0\3", 8);
    head.resize(512, '\0');
    head[15] = static_cast<char>(backing);
    head[79] = static_cast<char>(features);
    return head;
}

TEST_F(VolumePools, AnImageThatNamesOtherFilesIsRefused) {
    const auto verdict = [this](const std::string& content, const char* format) {
        const UniqueFd file{::open(folder.file("image", content).c_str(), O_RDONLY | O_CLOEXEC)};
        const auto checked = check_format(file.get(), format, "x");
        return checked ? std::string{} : checked.error().message();
    };
    EXPECT_EQ(verdict(qcow2_head(), "qcow2"), "");
    EXPECT_NE(verdict(qcow2_head(1), "qcow2").find("top of another image"), std::string::npos);
    EXPECT_NE(verdict(qcow2_head(0, 4), "qcow2").find("in another file"), std::string::npos);
    EXPECT_NE(verdict("QFI", "qcow2").find("no such image"), std::string::npos);
    EXPECT_NE(verdict("# Disk DescriptorFile\nRW 1 FLAT \"/etc/shadow\" 0\n", "vmdk").find("text of a vmdk"),
              std::string::npos);
    EXPECT_NE(
        verdict("KDMV" + std::string(600, '\0') + "parentFileNameHint=\"/etc/shadow\"", "vmdk").find("in other files"),
        std::string::npos);
}

TEST_F(VolumePools, AConversionHasNothingButTheImage) {
    host->converted = std::string(kPoolMiB, 'c');
    const UniqueFd image{::open(folder.file("image", qcow2_head()).c_str(), O_RDONLY | O_CLOEXEC)};
    const auto out = convert_image(*host, image.get(), 512, "qcow2", folder / "scratch", pace);
    ASSERT_TRUE(out) << out.error().text();
    char first = 0;
    ASSERT_EQ(::pread(out->get(), &first, 1, 0), 1);
    EXPECT_EQ(first, 'c');
    EXPECT_TRUE(fs::is_empty(folder / "scratch"));
    const std::string command = host->commands().front();
    for (const char* word :
         {"DynamicUser=yes", "RootDirectory=", "PrivateNetwork=yes", "CapabilityBoundingSet= ", "NoNewPrivileges=yes",
          ":/in ", ":/out ", "-- /usr/bin/qemu-img convert -q -f qcow2 -O raw /in /out"})
        EXPECT_NE(command.find(word), std::string::npos) << word;
    const UniqueFd hostile{::open(folder.file("hostile", qcow2_head(1)).c_str(), O_RDONLY | O_CLOEXEC)};
    EXPECT_FALSE(convert_image(*host, hostile.get(), 512, "qcow2", folder / "scratch", pace));
    EXPECT_EQ(host->commands().size(), 1u) << "qemu-img has seen it";
}

TEST(RunProgram, RunsWithoutAShellAndSaysWhatWasSaid) {
    EXPECT_EQ(run_program({"/bin/echo", "a b", "$HOME"})->output, "a b $HOME\n");
    const auto failed = run_program({"/bin/sh", "-c", "echo first >&2; echo second >&2; exit 3"});
    ASSERT_TRUE(failed);
    EXPECT_EQ(failed->status, 3);
    EXPECT_EQ(failed->complaint(), "first;second");
    EXPECT_EQ(run_program({"/bin/sh", "-c", "kill -9 $$"})->complaint(), "a signal has ended it");
    EXPECT_EQ(run_program({"/nowhere/program"}).error().id(), ErrorId::NotSupported);
    std::stop_source stop;
    stop.request_stop();
    EXPECT_EQ(run_program({"/bin/sleep", "600"}, stop.get_token())->status, -1);
}

std::string settings_errors(const std::string& text) {
    config::Diagnostics diagnostics;
    (void)config::parse_settings(text, "hvctl.yaml", diagnostics);
    return diagnostics.text();
}

TEST(VolumeSettings, TheFirstPoolIsThereAndOthersAreNamed) {
    config::Diagnostics diagnostics;
    EXPECT_EQ(config::parse_settings("", "hvctl.yaml", diagnostics).defaults.volumes.front().path_of("a"),
              "/var/lib/hvctl/volumes/a");
    const auto pools =
        config::parse_settings("volumes:\n  fast: {lvm: vg0}\n  thin: {lvm: vg0/pool}\n  default: {path: /srv/v/}\n",
                               "hvctl.yaml", diagnostics)
            .defaults.volumes;
    EXPECT_EQ(diagnostics.text(), "");
    EXPECT_EQ(config::volume_pool_of(pools, "fast")->path_of("a"), "/dev/vg0/a");
    EXPECT_EQ(config::volume_pool_of(pools, "thin")->thin, "pool");
    EXPECT_EQ(config::volume_pool_of(pools, "default")->path_of("a"), "/srv/v/a");
    EXPECT_EQ(config::volume_pool_of(pools, "other"), nullptr);
}

TEST(VolumeSettings, MistakesHaveAPlace) {
    EXPECT_EQ(settings_errors("volumes: {.x: {path: /srv}}\n"),
              "hvctl.yaml:1:11: \".x\" is not a name: a letter or a digit, then those, '.', '_', '+' and '-'");
    EXPECT_EQ(settings_errors("volumes:\n  a: {path: /srv, lvm: vg0}\n"),
              "hvctl.yaml:2:6: a: a pool is a folder, path: DIR, or LVM's, lvm: GROUP or lvm: GROUP/THINPOOL");
    EXPECT_EQ(settings_errors("volumes:\n  a: {lvm: \"vg0/\"}\n"),
              "hvctl.yaml:2:12: lvm: \"vg0/\" is not GROUP or GROUP/THINPOOL");
    EXPECT_EQ(settings_errors("volumes:\n  a: {lvm: vg0/-x}\n"),
              "hvctl.yaml:2:12: lvm: \"vg0/-x\" is not GROUP or GROUP/THINPOOL");
    EXPECT_EQ(settings_errors("volumes:\n  a: {path: srv}\n"),
              "hvctl.yaml:2:13: path: \"srv\" is not an absolute path");
    EXPECT_EQ(settings_errors("volumes:\n  a: {path: /srv}\n  b: {path: /srv/.}\n"),
              "hvctl.yaml:3:6: b: this is the pool a already");
    EXPECT_NE(settings_errors("volumes:\n  a: {path: /srv}\n  a: {path: /srv/b}\n"), "");
    EXPECT_NE(settings_errors("volumes: [a]\n"), "");
}

TEST(VolumeSettings, ADiskIsAVolume) {
    const std::string head = "name: web1\nmemory: 128MiB\nkernel: /k\n";
    const auto parse = [&](const std::string& disk, std::string& errors) {
        config::Diagnostics diagnostics;
        auto definition = config::parse_definition(head + "disks: [{target: xvda, " + disk + "}]\n", "web1.yaml", {},
                                                   {}, diagnostics);
        errors = diagnostics.text();
        return definition;
    };
    std::string errors;
    const auto definition = parse("volume: data", errors);
    EXPECT_EQ(errors, "");
    EXPECT_EQ(definition.disks.at(0).volume, "default/data");
    EXPECT_EQ(definition.disks.at(0).path, "/var/lib/hvctl/volumes/data");
    const std::string text = normalised(definition);
    EXPECT_NE(text.find("\"volume\": \"default/data\""), std::string::npos) << text;
    EXPECT_EQ(text.find("\"path\""), std::string::npos) << text;
    parse("volume: data, path: /x", errors);
    EXPECT_NE(errors.find("web1.yaml:4:44: path: a volume has its path from its pool"), std::string::npos) << errors;
    parse("volume: fast/data", errors);
    EXPECT_NE(errors.find("there is no pool \"fast\""), std::string::npos) << errors;
    parse("volume: ../data", errors);
    EXPECT_NE(errors.find("is no volume"), std::string::npos) << errors;
    parse("mode: ro", errors);
    EXPECT_NE(errors.find("needs the key \"path\""), std::string::npos) << errors;
    // What a claim keeps does not go by the settings of the day.
    config::Diagnostics diagnostics;
    config::DiskDefinition kept = definition.disks.at(0);
    kept.volume = "gone/data";
    const auto again = config::parse_kept_disk(config::disk_text(kept), "claim", diagnostics);
    ASSERT_TRUE(again) << diagnostics.text();
    EXPECT_EQ(again->volume, "gone/data");
    EXPECT_EQ(again->path, kept.path);
}

}  // namespace
}  // namespace hvctld::test
