// What a domain has of the host's CPUs and memory, changed while it is there.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "testing.hpp"

namespace hvctld::test {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

class Resources : public HostTest {
  protected:
    void start(const std::string& more) {
        const JobRecord job = process->finish(create(definition("web1", more)));
        ASSERT_EQ(job.state, JobState::Done) << job.message;
    }
    Manager& manager() { return *process->manager; }
    FakeDomain& guest() { return hypervisor.domains.at(domid("web1")); }
    [[nodiscard]] std::string read(const std::string& node) {
        return process->store->read(fmt::format("/local/domain/{}/{}", domid("web1"), node)).value_or("(none)");
    }
    static ErrorId id(const Result<void>& result) { return result ? ErrorId::Internal : result.error().id(); }
    void stop_and_start() {
        process->finish(manager().destroy("web1"));
        const JobRecord job = process->finish(manager().start("web1", false));
        ASSERT_EQ(job.state, JobState::Done) << job.message;
    }
};

TEST_F(Resources, VcpusGoOnlineAndOfflineAndStaySo) {
    start("vcpus: 2\nmax_vcpus: 4\n");
    EXPECT_EQ(read("cpu/1/availability") + read("cpu/2/availability"), "onlineoffline");
    ASSERT_TRUE(manager().set_vcpus("web1", 3));
    EXPECT_EQ(read("cpu/2/availability") + read("cpu/3/availability"), "onlineoffline");
    ASSERT_TRUE(manager().set_vcpus("web1", 1));
    EXPECT_EQ(read("cpu/0/availability") + read("cpu/1/availability"), "onlineoffline");
    EXPECT_EQ(id(manager().set_vcpus("web1", 5)), ErrorId::NoSuchVcpu);
    EXPECT_EQ(id(manager().set_vcpus("web1", 0)), ErrorId::InvalidArgument);
    EXPECT_EQ(id(manager().set_vcpus("web2", 1)), ErrorId::NoSuchDomain);
    stop_and_start();
    EXPECT_EQ(read("cpu/0/availability") + read("cpu/1/availability"), "onlineoffline");
    restart();
    EXPECT_EQ(view("web1").max_vcpus, 4u);
}

TEST_F(Resources, Dom0sVcpusToo) {
    const std::uint32_t has = hypervisor.domains.at(0).info.max_vcpus;
    ASSERT_TRUE(manager().set_vcpus("Domain-0", 1));
    EXPECT_EQ(process->store->read("/local/domain/0/cpu/0/availability"), "online");
    EXPECT_EQ(id(manager().set_vcpus("Domain-0", has + 1)), ErrorId::NoSuchVcpu);
}

// hv's limit follows what the guest is asked for, whatever asks it.
TEST_F(Resources, MemoryIsAskedForClaimedAndLimited) {
    start("max_memory: 512MiB\n");
    EXPECT_EQ(guest().info.max_frames, 128 * kMiB / 4096);
    ASSERT_TRUE(manager().set_memory("web1", 256 * kMiB));
    EXPECT_EQ(read("memory/target"), fmt::format("{}", 256 * 1024));
    EXPECT_EQ(guest().info.max_frames, 256 * kMiB / 4096);
    EXPECT_EQ(guest().claim, 256 * kMiB / 4096);
    EXPECT_EQ(view("web1").max_memory, 512 * kMiB);
    ASSERT_TRUE(process->store->write(fmt::format("/local/domain/{}/memory/target", domid("web1")), "1048576"));
    EXPECT_EQ(guest().info.max_frames, 512 * kMiB / 4096);
    EXPECT_EQ(id(manager().set_memory("web1", 513 * kMiB)), ErrorId::LimitReached);
    EXPECT_EQ(id(manager().set_memory("web1", kMiB)), ErrorId::InvalidArgument);
    EXPECT_EQ(id(manager().set_memory("web1", 128 * kMiB + 1)), ErrorId::InvalidArgument);
    EXPECT_EQ(id(manager().set_memory("Domain-0", 128 * kMiB)), ErrorId::IsDom0);
    restart();
    ASSERT_TRUE(process->store->write(fmt::format("/local/domain/{}/memory/target", domid("web1")), "196608"));
    EXPECT_EQ(guest().info.max_frames, 192 * kMiB / 4096);
    stop_and_start();
    EXPECT_EQ(guest().info.max_frames, 256 * kMiB / 4096);
}

TEST_F(Resources, MemoryThatTheHostHasNotIsRefusedAndNothingChanges) {
    start("max_memory: 512MiB\n");
    hypervisor.fail_at = [](const std::string& call) -> hvctl::Result<void> {
        static int calls = 0;
        if (call != "set_claim" || ++calls > 1) return {};
        return hvctl::fail(hvctl::ErrorCode::NoMemory, "claim");
    };
    const auto refused = manager().set_memory("web1", 256 * kMiB);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().id(), ErrorId::NoMemory);
    EXPECT_NE(refused.error().message().find("128MiB more"), std::string::npos) << refused.error().message();
    EXPECT_EQ(guest().info.max_frames, 128 * kMiB / 4096);
    EXPECT_EQ(read("memory/target"), fmt::format("{}", 128 * 1024));
}

TEST_F(Resources, ALargerMaximumWaitsForTheNextStart) {
    start("max_memory: 256MiB\n");
    EXPECT_EQ(manager().set_max_memory("web1", 200 * kMiB).value_or(false), true);
    EXPECT_EQ(id(manager().set_memory("web1", 201 * kMiB)), ErrorId::LimitReached);
    EXPECT_EQ(manager().set_max_memory("web1", 512 * kMiB).value_or(true), false);
    EXPECT_EQ(id(manager().set_memory("web1", 400 * kMiB)), ErrorId::LimitReached);
    EXPECT_FALSE(manager().set_max_memory("web1", 64 * kMiB));
    stop_and_start();
    EXPECT_TRUE(manager().set_memory("web1", 400 * kMiB));
}

TEST_F(Resources, ADomainThatDoesNotRunHasItFromItsNextStart) {
    start("max_memory: 512MiB\nmax_vcpus: 4\n");
    process->finish(manager().destroy("web1"));
    EXPECT_TRUE(manager().set_memory("web1", 256 * kMiB));
    EXPECT_TRUE(manager().set_vcpus("web1", 2));
    EXPECT_TRUE(manager().set_shares("web1", "{weight: 512}"));
    const JobRecord job = process->finish(manager().start("web1", false));
    ASSERT_EQ(job.state, JobState::Done) << job.message;
    EXPECT_EQ(read("memory/target"), fmt::format("{}", 256 * 1024));
    EXPECT_EQ(read("cpu/1/availability") + read("cpu/2/availability"), "onlineoffline");
    EXPECT_EQ(guest().sched.weight, 512u);
}

TEST_F(Resources, SharesChangeTogetherOrNotAtAll) {
    start("");
    ASSERT_TRUE(manager().set_shares("web1", "{weight: 100, cap: 150%, reservation: 50%}"));
    EXPECT_EQ(guest().sched.weight, 100u);
    EXPECT_EQ(guest().sched.cap, 150u);
    EXPECT_EQ(view("web1").cpu_reservation, 50u);
    for (const char* wrong :
         {"{weight: 0}", "{weight: 65536}", "{cap: 10%}", "{cap: ten}", "{share: 1}", "weight", "{"})
        EXPECT_EQ(id(manager().set_shares("web1", wrong)), ErrorId::DefinitionInvalid) << wrong;
    EXPECT_EQ(view("web1").cpu_cap, 150u);
    ASSERT_TRUE(manager().set_shares("web1", "{cap: none}"));
    EXPECT_EQ(guest().sched.cap, 0u);
    stop_and_start();
    EXPECT_EQ(guest().sched.reservation, 50u);
    ASSERT_TRUE(manager().set_shares("Domain-0", "{weight: 1000}"));
    EXPECT_EQ(view("Domain-0").cpu_weight, 1000u);
}

TEST_F(Resources, NoMoreIsReservedThanTheHostHas) {
    EXPECT_EQ(view("Domain-0").cpu_reservation, 10u);
    start("vcpus: 4\ncpu_reservation: 350%\n");
    const JobRecord second = process->finish(create(definition("web2", "cpu_reservation: 50%\n")));
    EXPECT_EQ(static_cast<ErrorId>(second.error), ErrorId::NoCpu);
    EXPECT_NE(second.message.find("360%"), std::string::npos) << second.message;
    EXPECT_EQ(guests(), 1u);
}

TEST_F(Resources, VcpusPerCpuAreCountedWhereTheHostSaysSo) {
    settings.vcpus_per_cpu = 1;
    restart();
    start("vcpus: 3\n");
    const JobRecord second = process->finish(create(definition("web2", "vcpus: 2\n")));
    EXPECT_EQ(static_cast<ErrorId>(second.error), ErrorId::NoCpu) << second.message;
}

// A host of four CPUs.
TEST_F(Resources, APoolKeepsItsDomainsTogetherAndOthersOut) {
    const auto affinity = [&](const std::string& name) {
        const auto vcpus = manager().vcpus(name).value_or(std::vector<VcpuView>{});
        return vcpus.empty() ? "(none)" : vcpus.front().hard_affinity;
    };
    start("pool: Pool-0\n");
    ASSERT_TRUE(manager().pools().create("batch", "2-3"));
    EXPECT_EQ(affinity("web1") + " " + affinity("Domain-0"), "0-1 0-1");
    EXPECT_EQ(id(manager().pools().create("batch", "1")), ErrorId::NameTaken);
    EXPECT_EQ(id(manager().pools().create("other", "3")), ErrorId::WrongState);
    EXPECT_EQ(id(manager().pools().create("other", "4")), ErrorId::NoSuchCpu);
    EXPECT_EQ(id(manager().pools().create("other", "0-1")), ErrorId::WrongState);
    EXPECT_EQ(id(manager().pools().create("1", "1")), ErrorId::InvalidArgument);
    ASSERT_TRUE(manager().pools().move("web1", "batch"));
    EXPECT_EQ(affinity("web1"), "2-3");
    ASSERT_TRUE(manager().pin("web1", 0, "1-2", ""));
    EXPECT_EQ(affinity("web1"), "2");
    EXPECT_EQ(id(manager().pin("web1", 0, "0-1", "")), ErrorId::NoSuchCpu);
    EXPECT_EQ(id(manager().pools().destroy("batch")), ErrorId::WrongState);
    EXPECT_EQ(id(manager().pools().remove("batch", "2-3")), ErrorId::WrongState);
    ASSERT_TRUE(manager().pools().remove("batch", "2"));
    EXPECT_EQ(affinity("web1") + " " + affinity("Domain-0"), "3 0-2");
    ASSERT_TRUE(manager().pools().rename("batch", "night"));
    restart();
    stop_and_start();
    EXPECT_EQ(affinity("web1") + " " + affinity("Domain-0"), "3 0-2");
    EXPECT_EQ(manager().pools().list().at(1).domains, std::vector<std::string>{"web1"});
    EXPECT_EQ(static_cast<ErrorId>(process->finish(create(definition("web2", "pool: batch\n"))).error),
              ErrorId::NoSuchPool);
    ASSERT_TRUE(manager().pools().move("web1", "Pool-0"));
    ASSERT_TRUE(manager().pools().destroy("night"));
    EXPECT_EQ(affinity("Domain-0"), "all");
    EXPECT_EQ(affinity("web1"), "1-2");
}

TEST_F(Resources, ReservationsAreKeptByPool) {
    ASSERT_TRUE(manager().pools().create("batch", "3"));
    start("pool: batch\ncpu_reservation: 80%\n");
    const JobRecord second = process->finish(create(definition("web2", "pool: batch\ncpu_reservation: 30%\n")));
    EXPECT_EQ(static_cast<ErrorId>(second.error), ErrorId::NoCpu) << second.message;
    const JobRecord third = process->finish(create(definition("web3", "vcpus: 2\ncpu_reservation: 200%\n")));
    EXPECT_EQ(third.state, JobState::Done) << third.message;
}

// Killed between the record and the CPUs: the next one does the rest.
TEST_F(Resources, APoolThatIsRecordedIsMadeByTheNextDaemon) {
    start("");
    hypervisor.fail_at = [](const std::string& call) -> hvctl::Result<void> {
        if (call == "set_vcpu_affinity") throw Killed{};
        return {};
    };
    EXPECT_THROW((void)manager().pools().create("batch", "2-3"), Killed);
    hypervisor.fail_at = nullptr;
    abandon();
    EXPECT_EQ(manager().pools().list().size(), 2u);
    EXPECT_EQ(manager().vcpus("web1")->front().hard_affinity, "0-1");
    EXPECT_EQ(manager().vcpus("Domain-0")->front().hard_affinity, "0-1");
}

TEST_F(Resources, APoolThatReservationsNeedStaysLargeEnough) {
    start("vcpus: 4\ncpu_reservation: 300%\n");
    const auto refused = manager().pools().create("batch", "1-3");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().id(), ErrorId::NoCpu) << refused.error().message();
    EXPECT_EQ(manager().pools().list().size(), 1u);
    EXPECT_EQ(manager().vcpus("web1")->front().hard_affinity, "all");
}

TEST_F(Resources, ARefusalKeepsWhatWasSetAsideBefore) {
    start("max_memory: 1GiB\n");
    ASSERT_TRUE(manager().set_memory("web1", 256 * kMiB));
    guest().info.claimed_frames = 128 * kMiB / 4096;  // the guest has not taken any of it yet
    bool once = true;
    hypervisor.fail_at = [&once](const std::string& call) -> hvctl::Result<void> {
        if (call != "set_claim" || !std::exchange(once, false)) return {};
        return hvctl::fail(hvctl::ErrorCode::NoMemory, "claim");
    };
    EXPECT_FALSE(manager().set_memory("web1", 512 * kMiB));
    EXPECT_EQ(guest().claim, 256 * kMiB / 4096);
}

TEST_F(Resources, CpusOfNoPoolAreNobodys) {
    ASSERT_TRUE(manager().pools().remove("Pool-0", "3"));
    EXPECT_EQ(manager().vcpus("Domain-0")->front().hard_affinity, "0-2");
    EXPECT_EQ(id(manager().pools().remove("Pool-0", "0-2")), ErrorId::WrongState);
    ASSERT_TRUE(manager().pools().create("batch", "3"));
    ASSERT_TRUE(manager().pools().destroy("batch"));
    ASSERT_TRUE(manager().pools().add("Pool-0", "3"));
    EXPECT_EQ(manager().vcpus("Domain-0")->front().hard_affinity, "all");
}

TEST_F(Resources, PinsAreRemembered) {
    start("vcpus: 2\n");
    ASSERT_TRUE(manager().pin("web1", 1, "2-3", ""));
    ASSERT_TRUE(manager().pin("web1", std::nullopt, "", "0"));
    stop_and_start();
    const auto vcpus = manager().vcpus("web1").value_or(std::vector<VcpuView>{});
    ASSERT_EQ(vcpus.size(), 2u);
    EXPECT_EQ(vcpus[0].hard_affinity + " " + vcpus[1].hard_affinity, "all 2-3");
    EXPECT_EQ(vcpus[1].soft_affinity, "0");
    ASSERT_TRUE(manager().pin("web1", std::nullopt, "all", "all"));
    EXPECT_EQ(manager().definition("web1")->definition.find("\"cpus\""), std::string::npos);
}

}  // namespace
}  // namespace hvctld::test
