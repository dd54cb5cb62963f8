// Domains from creation to their end, over the fake hypervisor.
#include <sys/stat.h>

#include <filesystem>

#include "domain/images.hpp"
#include "domain/store_entries.hpp"
#include "testing.hpp"

namespace hvctld::test {
namespace {

using Lifecycle = HostTest;

TEST_F(Lifecycle, CreateRunsAGuest) {
    const JobRecord job =
        process->finish(create(definition("web1", "vcpus: 2\nmax_vcpus: 4\ncpus: 0-1\ncmdline: x=y\n")));
    EXPECT_EQ(job.state, JobState::Done) << job.message;
    const DomainView web1 = view("web1");
    ASSERT_TRUE(web1.domid);
    EXPECT_EQ(web1.state, "running");
    EXPECT_EQ(web1.memory, 128ull << 20);
    FakeDomain& domain = hypervisor.domains.at(*web1.domid);
    EXPECT_EQ(domain.cmdline, "x=y");
    EXPECT_EQ(domain.claim, 0u);
    EXPECT_EQ(domain.sched.weight, 256u);
    EXPECT_EQ(domain.affinity.at(3).hard, hvctl::CpuBitmap{0x03});
    EXPECT_EQ(process->manager->list().value().size(), 2u);
    EXPECT_EQ(view(web1.uuid).name, "web1");
    EXPECT_EQ(view(std::to_string(*web1.domid)).name, "web1");
    EXPECT_EQ(view("Domain-0").domid, 0);
}

TEST_F(Lifecycle, StoreHasWhatAGuestExpects) {
    process->finish(create(definition("web1", "vcpus: 1\nmax_vcpus: 2\nmax_memory: 256MiB\n")));
    store::Store& store = *process->store;
    const std::string home = domain_path(domid("web1"));
    const auto read = [&](const std::string& path) { return store.read(home + path).value_or("(missing)"); };
    EXPECT_EQ(read("/name"), "web1");
    EXPECT_EQ(read("/domid"), std::to_string(domid("web1")));
    EXPECT_EQ(read("/vm"), "/vm/" + view("web1").uuid);
    EXPECT_EQ(read("/memory/target"), "131072");
    EXPECT_EQ(read("/memory/static-max"), "262144");
    EXPECT_EQ(read("/cpu/0/availability"), "online");
    EXPECT_EQ(read("/cpu/1/availability"), "offline");
    EXPECT_EQ(read("/control/shutdown"), "");
    EXPECT_EQ(read("/console/type"), "hvctld");
    EXPECT_EQ(read("/store/port"), "1");
    EXPECT_TRUE(store.exists(home + "/device"));
    // The guest owns what it writes and reads the rest.
    const store::DomainId guest{domid("web1")};
    EXPECT_EQ(store.permissions(home + "/control/shutdown").value().front().domain, guest);
    const auto permissions = store.permissions(home + "/memory/target").value();
    EXPECT_EQ(permissions.front().domain, store::kDom0);
    EXPECT_EQ(permissions.at(1), (store::PermissionEntry{guest, store::Access::Read}));
    EXPECT_EQ(store.read("/local/domain/0/name").value(), "Domain-0");
    EXPECT_EQ(store.read("/local/domain/0/memory/static-max").value(), "1048576");
    EXPECT_EQ(store.read("/local/domain/0/memory/target").value(), "1048576");

    process->finish(process->manager->destroy("web1"));
    EXPECT_FALSE(store.exists(home));
    EXPECT_TRUE(store.list("/vm").value().empty());
    EXPECT_FALSE(store.is_introduced(guest));
}

TEST_F(Lifecycle, PausedUntilUnpaused) {
    process->finish(create(definition("web1"), {.paused = true}));
    EXPECT_EQ(view("web1").state, "paused");
    ASSERT_TRUE(process->manager->unpause("web1"));
    EXPECT_EQ(view("web1").state, "running");
    ASSERT_TRUE(process->manager->pause("web1"));
    EXPECT_EQ(view("web1").state, "paused");
}

TEST_F(Lifecycle, DestroyGivesEverythingBackAndKeepsTheLog) {
    for (int round = 0; round < 3; ++round) {
        process->finish(create(definition("web1")));
        hypervisor.print(domid("web1"), "hello");
        hypervisor.destroy_retries = round;
        const JobRecord job = process->finish(process->manager->destroy("web1"));
        EXPECT_EQ(job.state, JobState::Done) << job.message;
        EXPECT_EQ(guests(), 0u);
        EXPECT_EQ(hypervisor.bindings(), 1u);  // the ring of Dom0's kernel
        EXPECT_EQ(view("web1").state, "stopped");
        EXPECT_EQ(view("web1").shutdown_reason, "destroyed");
        EXPECT_EQ(log("web1"), "hello");
        EXPECT_TRUE(console_log("web1"));
    }
}

TEST_F(Lifecycle, EphemeralDomainsAreForgotten) {
    process->finish(create(definition("web1"), {.ephemeral = true}));
    process->finish(process->manager->destroy("web1"));
    process->settle();
    EXPECT_EQ(process->manager->get("web1").error().id(), ErrorId::NoSuchDomain);
    EXPECT_TRUE(process->registry->domains().value().empty());
}

TEST_F(Lifecycle, ForgetNeedsAStoppedDomain) {
    process->finish(create(definition("web1")));
    EXPECT_EQ(process->manager->forget("web1").error().id(), ErrorId::WrongState);
    process->finish(process->manager->destroy("web1"));
    EXPECT_TRUE(std::filesystem::exists(folder / "journal-boot-1/web1.journal"));
    EXPECT_TRUE(process->manager->forget("web1"));
    EXPECT_FALSE(std::filesystem::exists(folder / "journal-boot-1/web1.journal"));
    EXPECT_TRUE(std::filesystem::exists(folder / "console/web1.log"));
    EXPECT_EQ(process->manager->get("web1").error().id(), ErrorId::NoSuchDomain);
}

TEST_F(Lifecycle, RefusalsBeforeAnythingIsDone) {
    const auto id = [&](const std::string& text) { return create(text).error().id(); };
    EXPECT_EQ(id("name: web1\n"), ErrorId::DefinitionInvalid);
    EXPECT_EQ(id(definition("web1", "type: hvm\n")), ErrorId::NotInThisVersion);
    EXPECT_EQ(process->manager->destroy("web1").error().id(), ErrorId::NoSuchDomain);
    EXPECT_EQ(process->manager->destroy("Domain-0").error().id(), ErrorId::IsDom0);
    EXPECT_EQ(process->manager->pause("0").error().id(), ErrorId::IsDom0);
    process->finish(create(definition("web1")));
    EXPECT_EQ(id(definition("web1")), ErrorId::NameTaken);
    EXPECT_EQ(id(definition("web2", "uuid: " + view("web1").uuid + "\n")), ErrorId::UuidTaken);
}

TEST_F(Lifecycle, AKernelOrAnInitrdThatIsNoFileHoldsNobodyUp) {
    const std::string fifo = folder / "fifo";
    ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
    for (const std::string key : {"kernel", "initrd"}) {
        for (const std::string& path : {fifo, std::string{"/dev/zero"}, std::string{"/"}}) {
            const JobRecord job = process->finish(process->manager->create(
                definition("web1"), "test.yaml", std::vector<std::string>{key + "=" + path}, {}));
            EXPECT_EQ(job.error, static_cast<std::uint16_t>(ErrorId::FileUnreadable)) << job.message;
            EXPECT_EQ(job.message, fmt::format("web1: {}: {} is not a regular file", key, path));
        }
    }
    EXPECT_EQ(guests(), 0u);
}

TEST_F(Lifecycle, AFileThatDom0HasNoRoomForIsNotRead) {
    constexpr std::uint64_t kSize = 3u << 20;
    const std::string large = folder.file("large", "");
    std::filesystem::resize_file(large, kSize);
    for (const std::string key : {"kernel", "initrd"}) {
        config::DomainDefinition wanted;
        wanted.name = "web1";
        wanted.memory = kSize;
        wanted.kernel = folder.file("small", "x");
        (key == "kernel" ? wanted.kernel : wanted.initrd) = large;
        EXPECT_TRUE(check_files(wanted, kSize));
        const auto refused = check_files(wanted, kSize - 1);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().id(), ErrorId::NoMemory);
        EXPECT_EQ(refused.error().message(),
                  fmt::format("web1: {}: {} has 3MiB, Dom0 has 2MiB of memory left to read it into; give Dom0 more "
                              "(dom0_mem=)",
                              key, large));
    }
}

TEST_F(Lifecycle, AnEmptyInitrdIsSaid) {
    const std::string empty = folder.file("empty", "");
    const JobRecord job = process->finish(create(definition("web1", "initrd: " + empty + "\n")));
    EXPECT_EQ(job.error, static_cast<std::uint16_t>(ErrorId::FileUnreadable));
    EXPECT_EQ(job.message, fmt::format("web1: initrd: {} is empty", empty));
}

struct Failure {
    const char* what;
    std::string more;
    const char* call;  // that fails, if any
    ErrorId error;
};

class CreateFails : public HostTest, public testing::WithParamInterface<Failure> {};

TEST_P(CreateFails, AndLeavesNothingBehind) {
    const Failure& failure = GetParam();
    if (failure.call != nullptr) {
        hypervisor.fail_at = [&](const std::string& call) -> hvctl::Result<void> {
            if (call == failure.call) return hvctl::fail(hvctl::ErrorCode::NoMemory, "no memory left");
            return {};
        };
    }
    const JobRecord job = process->finish(
        process->manager->create(definition("web1"), "test.yaml", std::vector<std::string>{failure.more}, {}));
    EXPECT_EQ(job.state, JobState::Failed);
    EXPECT_EQ(job.error, static_cast<std::uint16_t>(failure.error)) << job.message;
    hypervisor.fail_at = nullptr;
    process->settle();
    EXPECT_EQ(guests(), 0u);
    EXPECT_EQ(hypervisor.bindings(), 1u);
    EXPECT_EQ(process->store->list("/local/domain").value(), std::vector<std::string>{"0"});
    EXPECT_TRUE(process->registry->domains().value().empty());
    EXPECT_EQ(process->finish(create(definition("web1"))).state, JobState::Done);
}

INSTANTIATE_TEST_SUITE_P(
    Everywhere, CreateFails,
    testing::Values(Failure{"TooMuchMemory", "memory=1TiB", nullptr, ErrorId::NoMemory},
                    Failure{"TooManyVcpus", "vcpus=65", nullptr, ErrorId::TooManyVcpus},
                    Failure{"NoSuchCpu", "cpus=8-9", nullptr, ErrorId::NoSuchCpu},
                    Failure{"KernelMissing", "kernel=/nonexistent/vmlinuz", nullptr, ErrorId::FileMissing},
                    Failure{"InitrdMissing", "initrd=/nonexistent/initrd", nullptr, ErrorId::FileMissing},
                    Failure{"NotAKernel", "kernel=/etc/passwd", nullptr, ErrorId::NotAKernel},
                    Failure{"KernelIsAFolder", "initrd=/tmp", nullptr, ErrorId::FileUnreadable},
                    Failure{"Create", "vcpus=1", "create_domain", ErrorId::NoMemory},
                    Failure{"Claim", "vcpus=1", "set_claim", ErrorId::NoMemory},
                    Failure{"Kernel", "vcpus=1", "load_kernel", ErrorId::NoMemory},
                    Failure{"Build", "vcpus=1", "build", ErrorId::NoMemory},
                    Failure{"Shares", "vcpus=1", "set_sched_parameters", ErrorId::NoMemory},
                    Failure{"Map", "vcpus=1", "map_page", ErrorId::NoMemory},
                    Failure{"Bind", "vcpus=1", "bind_interdomain", ErrorId::NoMemory},
                    Failure{"Start", "vcpus=1", "unpause_domain", ErrorId::NoMemory}),
    [](const auto& each) { return each.param.what; });

TEST_F(Lifecycle, FreeMemoryIsToldInWholeMiB) {
    const JobRecord job = process->finish(
        process->manager->create(definition("web1"), "test.yaml", std::vector<std::string>{"memory=1TiB"}, {}));
    EXPECT_TRUE(job.message.starts_with("web1: wants 1TiB, the host has ")) << job.message;
    EXPECT_NE(job.message.find("MiB free;"), std::string::npos) << job.message;
}

TEST_F(Lifecycle, ADomainThatHasEndedIsToldHowToStart) {
    process->finish(create(definition("web1")));
    process->finish(process->manager->destroy("web1"));
    process->settle();
    EXPECT_EQ(process->manager->destroy("web1").error().message(),
              "web1 is not running; 'hvctl start web1' starts it, 'hvctl forget web1' removes it from the list");
}

TEST_F(Lifecycle, OneOperationAtATime) {
    const auto first = create(definition("web1"));
    ASSERT_TRUE(first);
    const auto second = create(definition("web1"));
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().id(), ErrorId::Busy);
    EXPECT_NE(second.error().message().find("job 1 (create, phase"), std::string::npos) << second.error().message();
    EXPECT_EQ(process->manager->forget("web1").error().id(), ErrorId::Busy);
    process->finish(first);
    const auto destroy = process->manager->destroy("web1");
    ASSERT_TRUE(destroy);
    EXPECT_EQ(process->manager->pause("web1").error().id(), ErrorId::Busy);
    EXPECT_EQ(process->manager->destroy("web1").value(), *destroy);  // what is asked for is under way
    EXPECT_EQ(process->manager->shutdown("web1", 300).value(), *destroy);
    EXPECT_EQ(process->finish(destroy).state, JobState::Done);
}

TEST_F(Lifecycle, CancelledCreateIsUndone) {
    std::atomic<bool> building = false;
    std::atomic<bool> go_on = false;
    hypervisor.build_hook = [&] {
        building = true;
        while (!go_on) std::this_thread::yield();
    };
    const auto job = create(definition("web1"));
    process->run_until([&] { return building.load(); });
    EXPECT_EQ(view("web1").state, "starting");
    EXPECT_TRUE(process->manager->jobs().cancel(*job));
    go_on = true;
    EXPECT_EQ(process->finish(job).state, JobState::Cancelled);
    EXPECT_EQ(guests(), 0u);
    hypervisor.build_hook = nullptr;
}

TEST_F(Lifecycle, VcpusCanBePinned) {
    process->finish(create(definition("web1", "max_vcpus: 2\n")));
    ASSERT_TRUE(process->manager->pin("web1", std::nullopt, "0-1", ""));
    ASSERT_TRUE(process->manager->pin("web1", 1, "3", "all"));
    const auto vcpus = process->manager->vcpus("web1").value();
    ASSERT_EQ(vcpus.size(), 2u);
    EXPECT_EQ(vcpus[0].hard_affinity, "0-1");
    EXPECT_EQ(vcpus[1].hard_affinity, "3");
    EXPECT_EQ(vcpus[1].soft_affinity, "all");
    EXPECT_EQ(process->manager->pin("web1", 2, "0", "").error().id(), ErrorId::NoSuchVcpu);
    EXPECT_EQ(process->manager->pin("web1", 0, "17", "").error().id(), ErrorId::NoSuchCpu);
    EXPECT_EQ(process->manager->pin("web1", 0, "x", "").error().id(), ErrorId::InvalidArgument);
    EXPECT_EQ(process->manager->vcpus("Domain-0").value().size(), 2u);
}

TEST_F(Lifecycle, ValidateSaysWhatWouldBe) {
    const auto validate = [&](const std::string& text, bool host) {
        std::optional<Result<Validation>> answer;
        process->manager->validate(text, "x.yaml", {}, host,
                                   [&](const Result<Validation>& result) { answer = result; });
        process->run_until([&] { return answer.has_value(); });
        return *answer;
    };
    const auto good = validate(definition("web1"), true);
    ASSERT_TRUE(good) << good.error().text();
    EXPECT_NE(good->normalised.find("\"memory\": \"128MiB\""), std::string::npos);
    const auto other = validate(definition("web1", "type: hvm\n"), false);
    ASSERT_TRUE(other);
    EXPECT_EQ(other->warnings.size(), 1u);
    const std::string disk = "disks: [{target: xvda, path: /x}]\n";
    EXPECT_TRUE(validate(definition("web1", disk), false));
    EXPECT_EQ(validate(definition("web1", disk), true).error().id(), ErrorId::FileMissing);
    EXPECT_EQ(validate(definition("web1", "vcpus: 65\n"), true).error().id(), ErrorId::TooManyVcpus);
    // The kernel and the initrd are read as create would read them.
    const auto with = [&](const std::string& kernel, const std::string& more) {
        return fmt::format("name: web1\nmemory: 128MiB\nkernel: {}\n{}", kernel, more);
    };
    const std::string text = folder.file("text", "no kernel");
    EXPECT_EQ(validate(with(text, ""), true).error().id(), ErrorId::NotAKernel);
    EXPECT_TRUE(validate(with(text, ""), false));
    const std::string initrd = fmt::format("initrd: {}\n", folder / ".");
    EXPECT_EQ(validate(definition("web1", initrd), true).error().id(), ErrorId::FileUnreadable);
    hypervisor.fail_at = [](const std::string& call) -> hvctl::Result<void> {
        if (call == "check_build") return hvctl::fail(hvctl::ErrorCode::TooLarge, "needs 200MiB");
        return {};
    };
    EXPECT_EQ(validate(definition("web1"), true).error().id(), ErrorId::KernelTooLarge);
    hypervisor.fail_at = nullptr;
    EXPECT_EQ(guests(), 0u);
}

TEST_F(Lifecycle, HealthFollowsHv) {
    EXPECT_TRUE(process->manager->health());
    hypervisor.fail_at = [](const std::string& call) -> hvctl::Result<void> {
        if (call == "version") return hvctl::fail(hvctl::ErrorCode::Io, "broken");
        return {};
    };
    EXPECT_FALSE(process->manager->health());
    hypervisor.fail_at = nullptr;
}

}  // namespace
}  // namespace hvctld::test
