// Limits of disks: divided among a guest's disks, in Dom0's control groups, and through the daemon.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <random>
#include <utility>

#include "base/files.hpp"
#include "devices/block/disk_division.hpp"
#include "devices/block/io_groups.hpp"
#include "testing.hpp"

namespace hvctld::test {
namespace {

namespace fs = std::filesystem;
using Numbers = std::vector<std::uint64_t>;

std::uint64_t sum(const Numbers& numbers) {
    return std::accumulate(numbers.begin(), numbers.end(), std::uint64_t{0});
}

TEST(DiskLimits, WhoWantsMoreHasWhatOthersLeave) {
    EXPECT_EQ(divide(1000, Numbers{0, 0}, Numbers{0, 0}), (Numbers{500, 500}));
    Numbers one_reads{500, 500};
    for (int look = 0; look < 5; ++look) one_reads = divide(1000, Numbers{one_reads[0], 0}, one_reads);
    EXPECT_GE(one_reads[0], 950u);
    EXPECT_GE(one_reads[1], 1000u / 32);
    EXPECT_EQ(divide(1000, Numbers{950, 40}, Numbers{960, 40}), (Numbers{500, 500}));
    EXPECT_EQ(divide(1000, Numbers{0, 0}, Numbers{500, 500}, {true, false}), (Numbers{750, 250}));
    EXPECT_TRUE(divide(1000, {}, {}).empty());
}

TEST(DiskLimits, NoShareFallsByMoreThanHalfAndTheSumComesDownToTheLimit) {
    std::mt19937_64 random{7};
    for (int round = 0; round < 2'000; ++round) {
        const std::uint64_t limit = 10 + random() % 100'000'000;
        const std::size_t count = 1 + random() % 16;
        Numbers shares(count);
        for (auto& one : shares) one = random() % 3 == 0 ? 0 : random() % (8 * limit);
        for (int look = 0; look < 40; ++look) {
            Numbers used(count);
            std::vector<bool> waits(count);
            for (std::size_t i = 0; i < count; ++i) {
                used[i] = random() % (shares[i] + 1);
                waits[i] = random() % 4 == 0;
            }
            const Numbers before = std::exchange(shares, divide(limit, used, shares, waits));
            for (std::size_t i = 0; i < count; ++i) {
                EXPECT_GE(shares[i] * 2, before[i]);
                EXPECT_GE(shares[i], kLeastShare);
            }
            EXPECT_LE(sum(shares), std::max(limit, sum(before) / 2 + limit) + count * (kLeastShare + 1));
        }
        for (int look = 0; look < 12; ++look) shares = divide(limit, Numbers(count), shares);
        EXPECT_LE(sum(shares), limit + count * (kLeastShare + 1)) << limit;
    }
}

// A guest that wants `wanted` of each kind in a second, for so long, in steps of half a second: what it gets.
struct Simulated {
    DiskDivision division;
    std::map<dev_t, DiskDivision::Counted> counted;

    // Nothing waits: what is not let through is not asked for again.
    DiskCounters run(const config::DiskLimits& limits, std::map<dev_t, DiskCounters> wanted, double seconds) {
        DiskCounters total;
        for (auto& [device, wish] : wanted) counted[device];
        for (double now = 0; now < seconds; now += 0.5) {
            for (const auto& [device, share] : division.next(limits, counted, 0.5)) {
                const auto least = [](std::uint64_t wish, std::uint64_t most) {
                    return (most == 0 ? wish : std::min(wish, most)) / 2;
                };
                const DiskCounters& wish = wanted[device];
                const std::uint64_t reads = least(wish.reads, share.reads);
                const std::uint64_t writes = least(wish.writes, share.writes);
                const std::uint64_t written = least(wish.written_bytes, share.written_bytes);
                counted[device].had = share;
                DiskCounters& count = counted[device].served;
                count.reads += reads;
                count.writes += writes;
                count.written_bytes += written;
                counted[device].asked = count;
                total.reads += reads;
                total.writes += writes;
                total.written_bytes += written;
            }
        }
        return total;
    }
};

TEST(DiskLimits, OneLimitForAllDisksWhicheverWorks) {
    const config::DiskLimits limits{.requests = 1000};
    Simulated guest;
    const DiskCounters one = guest.run(limits, {{1, {.reads = 100'000}}, {2, {}}, {3, {}}}, 20);
    EXPECT_LE(one.reads, 20'000u);
    EXPECT_GE(one.reads, 16'500u);
    const DiskCounters all =
        guest.run(limits, {{1, {.reads = 9000}}, {2, {.writes = 9000}}, {3, {.reads = 9000, .writes = 9000}}}, 20);
    EXPECT_LE(all.reads + all.writes, 20'500u);
    EXPECT_GE(all.reads + all.writes, 18'500u);
}

TEST(DiskLimits, BytesAndRequestsAreLimitedApart) {
    Simulated guest;
    const DiskCounters got =
        guest.run({.requests = 100, .bytes = 1 << 20}, {{1, {.reads = 5000, .written_bytes = 1 << 30}}}, 20);
    EXPECT_LE(got.reads, 2'050u);
    EXPECT_GE(got.reads, 1'700u);
    EXPECT_LE(got.written_bytes, 21u << 20);
    EXPECT_GE(got.written_bytes, 17u << 20);
}

TEST(DiskLimits, WhatWasLeftUnusedCanBeHadLaterOnce) {
    const config::DiskLimits limits{.requests = 100, .burst_seconds = 10};
    Simulated guest;
    const DiskCounters boot = guest.run(limits, {{1, {.reads = 10'000}}}, 30);
    EXPECT_GE(boot.reads, 3'500u);  // 30 s, and the 10 s that it begins with
    EXPECT_LE(boot.reads, 4'300u);
    const DiskCounters spent = guest.run(limits, {{1, {.reads = 10'000}}}, 30);
    EXPECT_LE(spent.reads, 3'100u);
    (void)guest.run(limits, {{1, {}}}, 10);
    const DiskCounters saved = guest.run(limits, {{1, {.reads = 10'000}}}, 5);
    EXPECT_GE(saved.reads, 1'200u);
    EXPECT_LE(saved.reads, 1'700u);
}

// A device's counters are its submissions' no longer than these are let through at once: what waits is no less wanted,
// and no more than what is let through is taken out of the savings.
TEST(DiskLimits, WhatWaitsPressesAndIsChargedWhenItIsServed) {
    DiskDivision division;
    const config::DiskLimits limits{.bytes = 1 << 20};
    std::map<dev_t, DiskDivision::Counted> counted;
    counted[1].asked.read_bytes = 0;
    for (int look = 0; look < 6; ++look) counted[1].had = division.next(limits, counted, 0.5).at(1);
    counted[1].asked.read_bytes = 8 << 20;  // all at once, and nothing more
    for (int look = 0; look < 10; ++look) {
        const auto shares = division.next(limits, counted, 0.5);
        if (look > 4) {
            EXPECT_GE(shares.at(1).read_bytes, 900u << 10) << look;
        }
        counted[1].had = shares.at(1);
        counted[1].served.read_bytes += shares.at(1).read_bytes / 2;
    }
    EXPECT_LE(counted[1].served.read_bytes, 5u << 20);

    DiskDivision bursts;
    std::map<dev_t, DiskDivision::Counted> batch;
    const config::DiskLimits with_burst{.bytes = 1 << 20, .burst_seconds = 4};
    std::uint64_t served = 0;
    batch[1].asked.read_bytes = 64 << 20;
    for (int look = 0; look < 80; ++look) {
        const auto shares = bursts.next(with_burst, batch, 0.5);
        batch[1].had = shares.at(1);
        batch[1].served.read_bytes += shares.at(1).read_bytes / 2;
        served += shares.at(1).read_bytes / 2;
    }
    EXPECT_LE(served, (40u + 4 + 3) << 20);  // its 40 s, the 4 s that it begins with, and what a look is late
}

// A control file system and /proc of plain files.
class Groups : public testing::Test {
  protected:
    Groups() {
        fs::create_directories(root_ + "/groups/hvctl-disks/7/disks");
        put("groups/cgroup.controllers", "cpu io memory\n");
        put("groups/cgroup.subtree_control", "");
        put("groups/hvctl-disks/cgroup.subtree_control", "");
        thread(60, "kworker/0:1-events", 2);
        thread(61, "7.xvda-0", 2);
        thread(62, "7.xvda-1", 2);
        thread(63, "17.xvda-0", 2);
        thread(64, "7.xvdb-0", 1);  // a program that calls itself so
        for (const char* file : {"7/io.max", "7/cgroup.subtree_control", "7/disks/io.max", "7/disks/cgroup.procs"})
            put(fmt::format("groups/hvctl-disks/{}", file), "");
        put("groups/hvctl-disks/7/disks/io.stat", "7:3 rbytes=4096 wbytes=512 rios=2 wios=1 dbytes=0 dios=0\n8:0\n");
    }
    ~Groups() override { fs::remove_all(root_); }
    void put(const std::string& path, const std::string& text) { std::ofstream{root_ + "/" + path} << text; }
    std::string get(const std::string& path) { return first_line(root_ + "/" + path); }
    void thread(int id, const std::string& name, int parent) {
        fs::create_directories(fmt::format("{}/proc/{}", root_, id));
        put(fmt::format("proc/{}/comm", id), name + "\n");
        put(fmt::format("proc/{}/stat", id), fmt::format("{} ({}) S {} 0 0\n", id, name, parent));
    }

    const std::string kLeaf = "groups/hvctl-disks/7/disks/";
    const std::string root_ = fs::path{testing::TempDir()} / fmt::format("groups-{}", getpid());
    IoGroups groups_{root_ + "/groups", root_ + "/proc"};
};

TEST_F(Groups, AGuestsThreadsAreLimited) {
    ASSERT_TRUE(groups_.check());
    const IoGroups::Shares shares{{makedev(7, 3), {.reads = 10, .writes = 20, .written_bytes = 4096}}};
    ASSERT_TRUE(groups_.set(7, shares, {.reads = 100}));
    for (const char* group : {"", "hvctl-disks/", "hvctl-disks/7/"})
        EXPECT_EQ(get(fmt::format("groups/{}cgroup.subtree_control", group)), "+io") << group;
    EXPECT_EQ(get("groups/hvctl-disks/7/io.max"), "7:3 riops=100 wiops=max rbps=max wbps=max");
    EXPECT_EQ(get(kLeaf + "io.max"), "7:3 riops=10 wiops=20 rbps=max wbps=4096");
    EXPECT_EQ(groups_.shares(7), shares);
    // Plain files keep the last thread alone: each is written once.
    groups_.gather();
    const std::string first = get(kLeaf + "cgroup.procs");
    EXPECT_TRUE(first == "61" || first == "62") << first;
    put(kLeaf + "cgroup.procs", "");
    groups_.gather();
    EXPECT_EQ(get(kLeaf + "cgroup.procs"), "");
    // The thread that makes it has not named it yet.
    thread(70, "kthreadd", 2);
    groups_.gather();
    EXPECT_EQ(get(kLeaf + "cgroup.procs"), "");
    thread(70, "7.xvda-0", 2);
    groups_.gather();
    EXPECT_EQ(get(kLeaf + "cgroup.procs"), "70");
    const auto served = groups_.served(7);
    EXPECT_EQ(served.at(makedev(7, 3)).read_bytes, 4096u);
    EXPECT_EQ(served.at(makedev(7, 3)).writes, 1u);
}

TEST_F(Groups, WhatIsNotKeptHasNoLimits) {
    ASSERT_TRUE(groups_.set(7, {{makedev(7, 3), {.reads = 10}}}, {.reads = 10}));
    EXPECT_FALSE(groups_.keep([](std::uint16_t domid) { return domid == 7; }));
    EXPECT_EQ(get(kLeaf + "io.max").find("7:3 riops=10"), 0u);
    // The limit may also be one that a daemon had written before it was killed.
    EXPECT_TRUE(groups_.keep([](std::uint16_t) { return false; }));  // a folder with files stays
    for (const std::string& group : {std::string{"groups/hvctl-disks/7/"}, kLeaf})
        EXPECT_EQ(get(group + "io.max").find("7:3 riops=max wiops=max rbps=max wbps=max"), 0u) << group;
    fs::create_directories(root_ + "/groups/hvctl-disks/9/disks");
    (void)groups_.keep([](std::uint16_t) { return false; });
    EXPECT_FALSE(fs::exists(root_ + "/groups/hvctl-disks/9"));
}

TEST_F(Groups, AKernelWithoutThemIsSaid) {
    put("groups/cgroup.controllers", "cpu memory\n");
    const auto refused = groups_.set(7, {{makedev(7, 3), {.reads = 10}}}, {.reads = 10});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().id(), ErrorId::NotSupported);
    EXPECT_EQ(get(kLeaf + "io.max"), "");
}

class LimitedDisks : public HostTest {
  protected:
    Manager& manager() { return *process->manager; }
    std::vector<LimitedGuest> limited() {
        const std::scoped_lock lock{hypervisor.blocks->limiting};
        return hypervisor.blocks->limited;
    }
    // With its limits for a second, as the last look has it.
    std::optional<LimitedGuest> web1(std::uint64_t requests) {
        std::optional<LimitedGuest> found;
        process->run_until([&] {
            for (const LimitedGuest& guest : limited()) {
                if (guest.domain.raw == domid("web1") && guest.limits.requests == requests) found = guest;
            }
            return found.has_value();
        });
        return found;
    }
    static ErrorId id(const Result<void>& result) { return result ? ErrorId::Internal : result.error().id(); }
};

TEST_F(LimitedDisks, FromTheFileChangedAndRemembered) {
    const JobRecord job = process->finish(create(definition("web1", "disk_limits: {iops: 500}\n")));
    ASSERT_EQ(job.state, JobState::Done) << job.message;
    EXPECT_EQ(web1(500)->limits.bytes, 0u);
    ASSERT_TRUE(manager().set_disk_limits("web1", "{iops: 800, bandwidth: 10MiB/s, burst: 20s}"));
    EXPECT_EQ(web1(800)->limits, (config::DiskLimits{800, 10 << 20, 20}));
    for (const char* wrong : {"{iops: 1}", "{bandwidth: 10}", "{bandwidth: 1KiB/s}", "{burst: 1000h}", "{iop: 100}",
                              "{iops: none, bandwidth: none, burst: 5s}", "iops", "{"})
        EXPECT_EQ(id(manager().set_disk_limits("web1", wrong)), ErrorId::DefinitionInvalid) << wrong;
    EXPECT_EQ(view("web1").disk_limits.burst_seconds, 20u);
    restart();
    EXPECT_EQ(web1(800)->limits.burst_seconds, 20u);
    ASSERT_TRUE(manager().set_disk_limits("web1", "{iops: none, bandwidth: none}"));
    EXPECT_EQ(view("web1").disk_limits, config::DiskLimits{});
    process->run_until([&] { return limited().empty(); });
    EXPECT_EQ(id(manager().set_disk_limits("Domain-0", "{iops: 100}")), ErrorId::IsDom0);
}

TEST_F(LimitedDisks, AreRefusedWhereTheyCannotBe) {
    hypervisor.blocks->can_limit = false;
    const JobRecord job = process->finish(create(definition("web1", "disk_limits: {iops: 500}\n")));
    EXPECT_EQ(job.state, JobState::Failed);
    ASSERT_EQ(process->finish(create(definition("web2", ""))).state, JobState::Done);
    EXPECT_EQ(id(manager().set_disk_limits("web2", "{iops: 500}")), ErrorId::NotSupported);
    EXPECT_TRUE(manager().set_disk_limits("web2", "{iops: none}"));
}

}  // namespace
}  // namespace hvctld::test
