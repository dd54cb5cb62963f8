// The verbs about the host.
#include <nlohmann/json.hpp>

#include "verbs_testing.hpp"

namespace hvctl::cli::test {
namespace {

TEST_F(VerbsTest, InfoReadsLikeAText) {
    daemon_.host = {{"hv_version", std::string("0.1.0")},
                    {"interface_version", std::int64_t{1}},
                    {"cpus", std::int64_t{4}},
                    {"tsc_khz", std::int64_t{2'400'005}},
                    {"memory", 2048 * kMebibyte},
                    {"free_memory", 768 * kMebibyte},
                    {"uptime", std::uint64_t{61'000'000'000}},
                    {"features", std::vector<std::string>{"pv", "tsc-stable"}},
                    {"microcode", std::int64_t{0x200'006e}},
                    {"leaks", std::vector<std::string>{"Spectre v2", "MDS"}},
                    {"mitigations", std::vector<std::string>{"retpolines", "SMT off"}},
                    {"open_leaks", std::vector<std::string>{}}};
    EXPECT_EQ(hvctl({"info"}).out,
              "hv version         0.1.0\n"
              "control interface  1\n"
              "features           pv tsc-stable\n"
              "up for             1 min\n"
              "microcode          0x200006e\n"
              "CPUs               4\n"
              "TSC                2400.005 MHz\n"
              "memory             2 GiB\n"
              "free memory        768 MiB\n"
              "leaks              Spectre v2, MDS\n"
              "mitigations        retpolines, SMT off\n"
              "not mitigated      none\n");
    auto json = nlohmann::json::parse(hvctl({"info", "--json"}).out);
    EXPECT_EQ(json["version"], 1);
    EXPECT_EQ(json["host"]["memory"], 2048 * kMebibyte);
    EXPECT_EQ(json["host"]["features"][1], "tsc-stable");
    EXPECT_EQ(json["host"]["leaks"][0], "Spectre v2");
    EXPECT_TRUE(json["host"]["open_leaks"].empty());
}

TEST_F(VerbsTest, DmesgReadsToTheEndHoweverSmallThePieces) {
    daemon_.hv_log = "(hv) first line\n(hv) second line, longer than a piece\n(hv) third\n";
    EXPECT_EQ(hvctl({"dmesg"}).out, daemon_.hv_log);
    EXPECT_EQ(hvctl({"dmesg", "--clear"}).out, daemon_.hv_log);
    EXPECT_TRUE(last_call().ends_with(", 1)")) << last_call();
}

TEST_F(VerbsTest, DebugKeysArePrintableAndFew) {
    EXPECT_EQ(hvctl({"debug-keys", "hq"}).code, 0);
    EXPECT_EQ(last_call(), "SendDebugKeys(hq)");
    EXPECT_EQ(hvctl({"debug-keys", "a b"}).code, 2);
    EXPECT_EQ(hvctl({"debug-keys", std::string(65, 'h')}).code, 2);
    EXPECT_EQ(hvctl({"debug-keys", ""}).code, 2);
}

TEST_F(VerbsTest, PerfLeavesZeroesOut) {
    daemon_.counters = {
        {"hypercall.iret", std::uint64_t{12}}, {"trap.page_fault", std::uint64_t{0}}, {"trap.nmi", std::uint64_t{3}}};
    EXPECT_EQ(hvctl({"perf"}).out, "Counter         Count\nhypercall.iret     12\ntrap.nmi            3\n");
    EXPECT_EQ(hvctl({"perf", "--all", "trap."}).out,
              "Counter          Count\ntrap.nmi             3\ntrap.page_fault      0\n");
    EXPECT_EQ(nlohmann::json::parse(hvctl({"perf", "--json"}).out)["counters"]["trap.nmi"], 3);
}

}  // namespace
}  // namespace hvctl::cli::test
