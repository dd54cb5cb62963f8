// The verbs about CPUs and memory, and what domains use of them.
#include <nlohmann/json.hpp>

#include "pty.hpp"
#include "top/figures.hpp"
#include "verbs_testing.hpp"

namespace hvctl::cli::test {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

Properties usage(const std::string& name, std::uint64_t id, std::uint64_t cpu_time) {
    return {{"name", name},
            {"uuid", "uuid-of-" + name},
            {"domid", id},
            {"state", std::string("running")},
            {"vcpus", std::uint64_t{1}},
            {"memory", 128 * kMebibyte},
            {"cpu_time", cpu_time},
            {"steal_time", std::uint64_t{0}},
            {"received_bytes", cpu_time / 1000}};
}

Usage look(std::uint64_t at, std::vector<Properties> domains) {
    return {{{"at", at}, {"cpus", std::uint64_t{2}}, {"memory", 2048 * kMebibyte}, {"free_memory", 512 * kMebibyte}},
            std::move(domains)};
}

using ResourceVerbs = VerbsTest;

TEST_F(ResourceVerbs, VcpuSetAndMemorySayWhatIsWanted) {
    EXPECT_EQ(hvctl({"vcpu-set", "hello", "3"}).code, 0);
    EXPECT_EQ(last_call(), "SetVcpus(hello, 3)");
    EXPECT_EQ(hvctl({"vcpu-set", "hello", "0"}).code, 2);
    EXPECT_EQ(hvctl({"mem-set", "hello", "64MiB"}).code, 0);
    EXPECT_EQ(last_call(), "SetMemory(hello, 67108864)");
    const auto no_unit = hvctl({"mem-set", "hello", "64"});
    EXPECT_EQ(no_unit.code, 2);
    EXPECT_NE(no_unit.err.find("512MiB"), std::string::npos) << no_unit.err;
    EXPECT_EQ(hvctl({"mem-set", "--wait", "hello", "128MiB"}).code, 0);
    const auto later = hvctl({"mem-max", "hello", "2GiB"});
    EXPECT_EQ(later.code, 0);
    EXPECT_EQ(last_call(), "SetMaxMemory(hello, 2147483648)");
    EXPECT_NE(later.out.find("when it starts again"), std::string::npos) << later.out;
}

TEST_F(ResourceVerbs, SchedShowsAndChanges) {
    daemon_.domains[1]["cpu_weight"] = std::uint64_t{512};
    daemon_.domains[1]["cpu_cap"] = std::uint64_t{150};
    const auto shown = hvctl({"sched"});
    EXPECT_EQ(shown.code, 0);
    EXPECT_NE(shown.out.find("hello      3     512  150%            -"), std::string::npos) << shown.out;
    EXPECT_NE(hvctl({"sched", "--json", "hello"}).out.find("\"cpu_cap\": 150"), std::string::npos);
    EXPECT_EQ(hvctl({"sched", "hello", "weight=300", "cap=none"}).code, 0);
    EXPECT_EQ(last_call().find("SetShares(hello, "), 0u) << last_call();
    EXPECT_NE(last_call().find("\"weight\": 300"), std::string::npos) << last_call();
    const auto wrong = hvctl({"sched", "hello", "share=1"});
    EXPECT_EQ(wrong.code, 2);
    EXPECT_NE(wrong.err.find("weight, cap, reservation"), std::string::npos) << wrong.err;
    daemon_.errors["SetShares"] = {"NoCpu", "HV-E0306: hello: wants too much"};
    EXPECT_EQ(hvctl({"sched", "hello", "reservation=900%"}).code, 9);
}

TEST_F(ResourceVerbs, BlockLimitsShowsAndChanges) {
    daemon_.domains[1]["disk_iops"] = std::uint64_t{2000};
    daemon_.domains[1]["disk_bandwidth"] = std::uint64_t{100} << 20;
    const auto shown = hvctl({"block-limits"});
    EXPECT_EQ(shown.code, 0);
    EXPECT_NE(shown.out.find("hello   3  2000  100 MiB/s      -"), std::string::npos) << shown.out;
    EXPECT_EQ(shown.out.find("Domain-0"), std::string::npos) << shown.out;
    EXPECT_NE(hvctl({"block-limits", "--json", "hello"}).out.find("\"disk_iops\": 2000"), std::string::npos);
    EXPECT_EQ(hvctl({"block-limits", "hello", "iops=300", "bandwidth=10MiB/s", "burst=none"}).code, 0);
    EXPECT_EQ(last_call().find("SetDiskLimits(hello, "), 0u) << last_call();
    EXPECT_NE(last_call().find("\"bandwidth\": \"10MiB/s\""), std::string::npos) << last_call();
    EXPECT_EQ(hvctl({"block-limits", "hello", "iop=1"}).code, 2);
}

TEST_F(ResourceVerbs, UptimeOfWhatRuns) {
    daemon_.domains[1]["uptime"] = 3725 * kSecond;
    EXPECT_NE(hvctl({"uptime"}).out.find("hello      3  1 h 2 min"), std::string::npos) << hvctl({"uptime"}).out;
    EXPECT_NE(hvctl({"uptime", "--json", "hello"}).out.find("\"uptime_seconds\": 3725"), std::string::npos);
}

TEST_F(ResourceVerbs, GuaranteesInATable) {
    daemon_.guarantees = {{{"name", std::string("hello")},
                           {"begin", std::uint64_t{1'700'000'000}},
                           {"running", 3600 * kSecond},
                           {"promised", 1800 * kSecond},
                           {"delivered", 1700 * kSecond},
                           {"missing", 20 * kSecond},
                           {"memory_mib_seconds", std::uint64_t{3600 * 128}}}};
    const auto outcome = hvctl({"guarantees", "hello", "--since", "7d", "--by", "day"});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_NE(outcome.out.find("1800.0"), std::string::npos) << outcome.out;
    EXPECT_EQ(last_call().find("GetGuarantees(hello, "), 0u) << last_call();
    EXPECT_TRUE(last_call().ends_with(", 24)")) << last_call();
    for (const char* wrong : {"7", "0d", "401d", "d", "x7d"})
        EXPECT_EQ(hvctl({"guarantees", "--since", wrong}).code, 2) << wrong;
    EXPECT_EQ(hvctl({"guarantees", "--by", "week"}).code, 2);
}

TEST_F(ResourceVerbs, PoolsOfCpus) {
    daemon_.pools = {{{"name", std::string("Pool-0")},
                      {"cpus", std::string("0-1")},
                      {"count", std::uint64_t{2}},
                      {"domains", std::vector<std::string>{"Domain-0", "hello"}}},
                     {{"name", std::string("batch")}, {"cpus", std::string("2")}, {"count", std::uint64_t{1}}}};
    const auto shown = hvctl({"cpupool-list"});
    EXPECT_NE(shown.out.find("Pool-0     2  0-1   Domain-0 hello"), std::string::npos) << shown.out;
    EXPECT_EQ(hvctl({"cpupool-list", "batch"}).out.find("Pool-0"), std::string::npos);
    EXPECT_EQ(hvctl({"cpupool-list", "night"}).code, 3);
    EXPECT_EQ(hvctl({"cpupool-create", "night", "3"}).code, 0);
    EXPECT_EQ(last_call(), "CreatePool(night, 3)");
    hvctl({"cpupool-cpu-add", "night", "2"});
    EXPECT_EQ(last_call(), "AddPoolCpus(night, 2)");
    hvctl({"cpupool-cpu-remove", "night", "2"});
    EXPECT_EQ(last_call(), "RemovePoolCpus(night, 2)");
    hvctl({"cpupool-migrate", "hello", "night"});
    EXPECT_EQ(last_call(), "SetPool(hello, night)");
    hvctl({"cpupool-rename", "night", "day"});
    EXPECT_EQ(last_call(), "RenamePool(night, day)");
    hvctl({"cpupool-destroy", "day"});
    EXPECT_EQ(last_call(), "DestroyPool(day)");
}

TEST_F(ResourceVerbs, TopPrintsRatesBetweenTwoLooks) {
    daemon_.usages = {look(1 * kSecond, {usage("Domain-0", 0, 0), usage("hello", 3, kSecond)}),
                      look(3 * kSecond, {usage("Domain-0", 0, kSecond), usage("hello", 3, 4 * kSecond)})};
    const auto outcome = hvctl({"top", "--iterations", "1", "--delay", "0.1"});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_NE(outcome.out.find("1 guest; 200.0% of 200% CPU; 512 MiB of 2 GiB free"), std::string::npos) << outcome.out;
    EXPECT_LT(outcome.out.find("\nhello"), outcome.out.find("\nDomain-0")) << outcome.out;
    EXPECT_NE(outcome.out.find("150.0"), std::string::npos) << outcome.out;
}

TEST_F(ResourceVerbs, TopInJson) {
    daemon_.usages = {look(1 * kSecond, {usage("hello", 3, 0)}), look(2 * kSecond, {usage("hello", 3, kSecond / 2)})};
    const auto outcome = hvctl({"top", "--json", "--iterations", "1", "--delay", "0.1"});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    const auto json = nlohmann::json::parse(outcome.out, nullptr, false);
    ASSERT_FALSE(json.is_discarded()) << outcome.out;
    EXPECT_DOUBLE_EQ(json["domains"][0]["cpu_percent"].get<double>(), 50.0);
    EXPECT_DOUBLE_EQ(json["domains"][0]["received_bytes_per_second"].get<double>(), 500'000.0);
    EXPECT_EQ(hvctl({"top", "--delay", "0"}).code, 2);
    EXPECT_EQ(hvctl({"top", "--sort", "colour"}).code, 2);
    EXPECT_EQ(hvctl({"top", "--iterations", "none"}).code, 2);
}

TEST_F(ResourceVerbs, TopTakesTheTerminalAndGivesItBack) {
    daemon_.usages = {look(1 * kSecond, {usage("hello", 3, 0)}), look(2 * kSecond, {usage("hello", 3, kSecond / 2)})};
    Pty terminal({.arguments = {"top", "--delay", "0.2"},
                  .input = "",
                  .environment = {{"HVCTL_BUS", daemon_.address()}, {"TERM", "xterm"}}});
    EXPECT_TRUE(terminal.expect("Name")) << terminal.seen();
    EXPECT_TRUE(terminal.expect("50.0")) << terminal.seen();
    EXPECT_TRUE(terminal.is_raw());
    terminal.type("m");
    EXPECT_TRUE(terminal.expect("Mem(MiB)*")) << terminal.seen();
    terminal.type("q");
    EXPECT_EQ(terminal.finish(), 0);
    EXPECT_FALSE(terminal.is_raw());
}

TEST_F(ResourceVerbs, TopEndsWithASignalAndGivesTheTerminalBack) {
    daemon_.usages = {look(1 * kSecond, {usage("hello", 3, 0)})};
    Pty terminal(
        {.arguments = {"top"}, .input = "", .environment = {{"HVCTL_BUS", daemon_.address()}, {"TERM", "xterm"}}});
    EXPECT_TRUE(terminal.expect("Name")) << terminal.seen();
    terminal.send_signal(SIGTERM);
    terminal.finish();
    EXPECT_FALSE(terminal.is_raw());
}

TEST_F(ResourceVerbs, TopSaysWhenTheTerminalCannot) {
    Pty terminal({.arguments = {"top"},
                  .input = "",
                  .environment = {{"HVCTL_BUS", daemon_.address()}, {"TERM", "no-such-terminal"}}});
    EXPECT_TRUE(terminal.expect("--batch")) << terminal.seen();
    EXPECT_NE(terminal.finish(), 0);
}

TEST(TopFigures, ADomainThatHasStartedAgainBeginsAnew) {
    const Usage before = look(0, {usage("web1", 3, 50 * kSecond)});
    const TopFigures figures = top_figures(before, look(kSecond, {usage("web1", 4, kSecond / 4)}));
    ASSERT_EQ(figures.rows.size(), 1u);
    EXPECT_DOUBLE_EQ(figures.rows[0].cpu, 25.0);
}

TEST(TopFigures, SortedBySizeOrNameAndBack) {
    TopFigures figures =
        top_figures(look(0, {}), look(kSecond, {usage("b", 1, 1), usage("a", 2, 2), usage("c", 3, 3)}));
    const auto order = [&](TopColumn column, bool reversed) {
        sort_rows(figures.rows, column, reversed);
        std::string names;
        for (const TopRow& row : figures.rows) names += row.name;
        return names;
    };
    EXPECT_EQ(order(TopColumn::Time, false), "cab");
    EXPECT_EQ(order(TopColumn::Time, true), "bac");
    EXPECT_EQ(order(TopColumn::Name, false), "abc");
    EXPECT_EQ(order(TopColumn::Name, true), "cba");
}

}  // namespace
}  // namespace hvctl::cli::test
