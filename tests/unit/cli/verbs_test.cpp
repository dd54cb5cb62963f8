// The real hvctl against fake_daemon: output, errors and exit codes as a user or a script sees them.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "fake_daemon.hpp"
#include "process.hpp"

namespace hvctl::cli::test {
namespace {

constexpr std::uint64_t kMebibyte = 1024 * 1024;

Properties domain(const std::string& name, std::int64_t id, const std::string& state) {
    Properties properties = {{"name", name},
                             {"state", state},
                             {"memory", 128 * kMebibyte},
                             {"vcpus", std::int64_t{1}},
                             {"cpu_time", std::uint64_t{1'250'000'000}},
                             {"autostart", false}};
    if (id >= 0) properties["domid"] = id;
    return properties;
}

class VerbsTest : public testing::Test {
  protected:
    FakeDaemon daemon_;

    void SetUp() override {
        Properties dom0 = domain("Domain-0", 0, "running");
        dom0["memory"] = 1024 * kMebibyte;
        dom0["vcpus"] = std::int64_t{2};
        dom0["cpu_time"] = std::uint64_t{123'400'000'000};
        Properties hello = domain("hello", 3, "blocked");
        hello["autostart"] = true;
        daemon_.domains = {dom0, hello, domain("old", -1, "stopped")};
    }

    Outcome hvctl(const std::vector<std::string>& arguments, const std::string& input = "") const {
        return run_hvctl({.arguments = arguments, .input = input, .environment = {{"HVCTL_BUS", daemon_.address()}}});
    }
    std::string definition(const std::string& text) const {
        std::string path = (daemon_.directory() / "d.yaml").string();
        std::ofstream(path) << text;
        return path;
    }
    std::string last_call() {
        auto calls = daemon_.calls();
        return calls.empty() ? "" : calls.back();
    }
};

TEST_F(VerbsTest, ListIsATable) {
    Outcome outcome = hvctl({"list"});
    EXPECT_EQ(outcome.out,
              "Name      ID  Mem(MiB)  VCPUs  State    Time(s)  Autostart\n"
              "Domain-0   0      1024      2  running    123.4  no\n"
              "hello      3       128      1  blocked      1.2  yes\n"
              "old        -       128      1  stopped      1.2  no\n");
    EXPECT_EQ(outcome.err, "");
    EXPECT_EQ(outcome.code, 0);
}

TEST_F(VerbsTest, ListOfNamedDomainsGoesOnAfterOneThatIsMissing) {
    Outcome outcome = hvctl({"li", "none", "hello"});
    EXPECT_EQ(outcome.out,
              "Name   ID  Mem(MiB)  VCPUs  State    Time(s)  Autostart\n"
              "hello   3       128      1  blocked      1.2  yes\n");
    EXPECT_EQ(outcome.err, "hvctl: HV-E0201: there is no domain 'none'\n");
    EXPECT_EQ(outcome.code, 3);
}

TEST_F(VerbsTest, ListOfNothingButMissingDomainsPrintsNoTable) {
    EXPECT_EQ(hvctl({"list", "none"}).out, "");
}

TEST_F(VerbsTest, ListInJsonIsVersioned) {
    daemon_.domains = {domain("hello", 3, "blocked")};
    EXPECT_EQ(hvctl({"list", "--json"}).out, R"({
  "version": 1,
  "domains": [
    {
      "autostart": false,
      "cpu_time": 1250000000,
      "domid": 3,
      "memory": 134217728,
      "name": "hello",
      "state": "blocked",
      "vcpus": 1
    }
  ]
}
)");
}

TEST_F(VerbsTest, ListCanPrintNamesOnly) {
    EXPECT_EQ(hvctl({"list", "-q"}).out, "Domain-0\nhello\nold\n");
}

TEST_F(VerbsTest, DomidAndDomname) {
    EXPECT_EQ(hvctl({"domid", "hello"}).out, "3\n");
    EXPECT_EQ(hvctl({"domname", "3"}).out, "hello\n");
    Outcome outcome = hvctl({"domid", "old"});
    EXPECT_EQ(outcome.err, "hvctl: domain 'old' does not run, so it has no id\n");
    EXPECT_EQ(outcome.code, 1);
    EXPECT_EQ(hvctl({"domname", "99"}).code, 3);
}

TEST_F(VerbsTest, CreateSendsTheTextAndWaits) {
    std::string path = definition("name: hello\n");
    Outcome outcome = hvctl({"create", path, "memory=1GiB", "--ephemeral"});
    EXPECT_EQ(outcome.out, "hello is started (domain 3)\n");
    EXPECT_EQ(outcome.err, "");
    EXPECT_EQ(outcome.code, 0);
    auto calls = daemon_.calls();
    ASSERT_GE(calls.size(), 2u);
    EXPECT_EQ(calls[0], "CreateDomain(name: hello\n, " + path + ", [memory=1GiB], {ephemeral=true paused=false})");
    EXPECT_EQ(calls[1], "WaitJob(7)");
}

TEST_F(VerbsTest, CreateReadsStandardInput) {
    EXPECT_EQ(hvctl({"create", "-", "--paused"}, "name: hello\n").out, "hello is ready and paused (domain 3)\n");
    EXPECT_EQ(daemon_.calls()[0], "CreateDomain(name: hello\n, standard input, [], {ephemeral=false paused=true})");
}

TEST_F(VerbsTest, CreateWithoutWaitingPrintsTheJob) {
    EXPECT_EQ(hvctl({"create", "--no-wait", definition("name: hello\n")}).out, "7\n");
    EXPECT_EQ(daemon_.calls().size(), 1u);
}

TEST_F(VerbsTest, ADryRunPrintsTheDefinitionAndWarnings) {
    daemon_.normalised["name: hello\n"] = R"({"name":"hello","vcpus":1})";
    daemon_.warnings = {"d.yaml:1:1: no disks"};
    Outcome outcome = hvctl({"create", "-n", definition("name: hello\n")});
    EXPECT_EQ(outcome.out, "{\n  \"name\": \"hello\",\n  \"vcpus\": 1\n}\n");
    EXPECT_EQ(outcome.err, "hvctl: warning: d.yaml:1:1: no disks\n");
    EXPECT_TRUE(last_call().starts_with("ValidateDomain(")) << last_call();
    EXPECT_TRUE(last_call().ends_with("{host=true})")) << last_call();
}

TEST_F(VerbsTest, CreateRefusesBadInputBeforeItAsksAnybody) {
    std::string good = definition("name: hello\n");
    struct Case {
        std::vector<std::string> arguments;
        std::string error;
    };
    for (const Case& bad :
         {Case{{"create"}, "hvctl: create: FILE is missing\n'hvctl help create' tells what it takes.\n"},
          Case{{"create", "/no/such"}, "hvctl: there is no file /no/such\n"},
          Case{{"create", "old"}, "hvctl: there is no file old\n'hvctl create' takes a domain file; 'hvctl start' takes the name of a "
                                  "domain that has ended.\n"},
          Case{{"create", "/etc"}, "hvctl: /etc is a directory, not a domain file\n"},
          Case{{"create", good, "memory"},
               "hvctl: 'memory' is not KEY=VALUE\nWhat follows the file changes keys of the definition, such as "
               "memory=512MiB.\n"},
          Case{{"create", good, "--console", "--no-wait"},
               "hvctl: create: --console and --no-wait exclude each other\n"}}) {
        Outcome outcome = hvctl(bad.arguments);
        EXPECT_EQ(outcome.err, bad.error);
        EXPECT_EQ(outcome.code, 2);
    }
    EXPECT_TRUE(daemon_.calls().empty());
}

TEST_F(VerbsTest, EveryErrorOfTheDaemonHasItsExitCode) {
    for (auto [name, code] : std::initializer_list<std::pair<const char*, int>>{{"DefinitionInvalid", 2},
                                                                                {"NotAKernel", 2},
                                                                                {"AccessDenied", 5},
                                                                                {"NotOnHv", 6},
                                                                                {"NameTaken", 7},
                                                                                {"Busy", 7},
                                                                                {"NoMemory", 9},
                                                                                {"SomethingNew", 1}}) {
        daemon_.errors["CreateDomain"] = {name, "HV-E9999: what, where, and what to do"};
        Outcome outcome = hvctl({"create", definition("name: hello\n")});
        EXPECT_EQ(outcome.code, code) << name;
        EXPECT_EQ(outcome.err, "hvctl: HV-E9999: what, where, and what to do\n");
        EXPECT_EQ(outcome.out, "");
    }
}

TEST_F(VerbsTest, PauseAndUnpauseTakeSeveralDomains) {
    EXPECT_EQ(hvctl({"pause", "hello", "old"}).code, 0);
    EXPECT_EQ(daemon_.calls(), (std::vector<std::string>{"PauseDomain(hello)", "PauseDomain(old)"}));
    Outcome outcome = hvctl({"unpause", "none", "hello"});
    EXPECT_EQ(outcome.code, 3);
    EXPECT_EQ(last_call(), "UnpauseDomain(hello)");
}

TEST_F(VerbsTest, StartTakesSeveralDomains) {
    Outcome outcome = hvctl({"start", "--no-wait", "old", "hello"});
    EXPECT_EQ(outcome.code, 0);
    EXPECT_EQ(outcome.out, "7\n7\n");
    EXPECT_EQ(hvctl({"start", "hello"}).out, "hello is started (domain 3)\n");
    EXPECT_EQ(hvctl({"start", "--paused", "hello"}).out, "hello is ready and paused (domain 3)\n");
}

TEST_F(VerbsTest, ShowPrintsADomainFile) {
    Outcome outcome = hvctl({"show", "hello"});
    EXPECT_EQ(outcome.code, 0);
    EXPECT_EQ(outcome.out, "{\n  \"name\": \"hello\"\n}\n");
    EXPECT_NE(hvctl({"show", "--json", "hello"}).out.find("\"source\": \"hello.yaml\""), std::string::npos);
}

TEST_F(VerbsTest, ForgetTakesSeveralDomains) {
    EXPECT_EQ(hvctl({"forget", "old", "hello"}).code, 0);
    EXPECT_EQ(daemon_.calls(), (std::vector<std::string>{"ForgetDomain(old)", "ForgetDomain(hello)"}));
}

TEST_F(VerbsTest, VcpuListShowsRunningDomains) {
    Properties online = {{"vcpu", std::int64_t{0}},
                         {"cpu", std::int64_t{1}},
                         {"state", std::string("running")},
                         {"online", true},
                         {"cpu_time", std::uint64_t{5'000'000'000}},
                         {"steal_time", std::uint64_t{100'000'000}},
                         {"hard_affinity", std::string("0-3")},
                         {"soft_affinity", std::string("all")}};
    Properties offline = {
        {"vcpu", std::int64_t{1}}, {"cpu", std::int64_t{0}}, {"state", std::string("offline")}, {"online", false}};
    daemon_.vcpus["hello"] = {online, offline};
    EXPECT_EQ(hvctl({"vcpu-list"}).out,
              "Name   ID  VCPU  CPU  State    Time(s)  Steal(s)  Affinity (hard / soft)\n"
              "hello   3     0    1  running      5.0       0.1  0-3 / all\n"
              "hello   3     1    -  offline      0.0       0.0  all / all\n");
    auto json = nlohmann::json::parse(hvctl({"vcpu-list", "--json", "hello"}).out);
    EXPECT_EQ(json["version"], 1);
    EXPECT_EQ(json["domains"][0]["name"], "hello");
    EXPECT_EQ(json["domains"][0]["domid"], 3);
    EXPECT_EQ(json["domains"][0]["vcpus"][1]["online"], false);
}

TEST_F(VerbsTest, VcpuPinTranslatesItsArguments) {
    EXPECT_EQ(hvctl({"vcpu-pin", "hello", "1", "0-3,^2"}).code, 0);
    EXPECT_EQ(last_call(), "PinVcpu(hello, 1, 0-3,^2, )");
    EXPECT_EQ(hvctl({"vcpu-pin", "hello", "all", "-", "0"}).code, 0);
    EXPECT_EQ(last_call(), "PinVcpu(hello, -1, , 0)");
    EXPECT_EQ(hvctl({"vcpu-pin", "hello", "x", "0"}).code, 2);
    EXPECT_EQ(hvctl({"vcpu-pin", "hello", "0", "-"}).code, 2);
    EXPECT_EQ(hvctl({"vcpu-pin", "hello", "0"}).code, 2);
}

TEST_F(VerbsTest, InfoReadsLikeAText) {
    daemon_.host = {{"hv_version", std::string("0.1.0")},
                    {"interface_version", std::int64_t{1}},
                    {"cpus", std::int64_t{4}},
                    {"tsc_khz", std::int64_t{2'400'005}},
                    {"memory", 2048 * kMebibyte},
                    {"free_memory", 768 * kMebibyte},
                    {"uptime", std::uint64_t{61'000'000'000}},
                    {"features", std::vector<std::string>{"pv", "tsc-stable"}}};
    EXPECT_EQ(hvctl({"info"}).out,
              "hv version         0.1.0\n"
              "control interface  1\n"
              "features           pv tsc-stable\n"
              "up for             1 min\n"
              "CPUs               4\n"
              "TSC                2400.005 MHz\n"
              "memory             2 GiB\n"
              "free memory        768 MiB\n");
    auto json = nlohmann::json::parse(hvctl({"info", "--json"}).out);
    EXPECT_EQ(json["version"], 1);
    EXPECT_EQ(json["host"]["memory"], 2048 * kMebibyte);
    EXPECT_EQ(json["host"]["features"][1], "tsc-stable");
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

// Text is checked by the real checker, and nobody has to listen on the bus.
TEST_F(VerbsTest, ValidateReportsEachFile) {
    daemon_.stop();
    std::string good = definition("{name: hello, memory: 128MiB, kernel: /vmlinuz}\n");
    Outcome outcome = hvctl({"validate", "/no/such", good});
    EXPECT_EQ(outcome.out, good + ": valid\n");
    EXPECT_EQ(outcome.err, "hvctl: there is no file /no/such\n");
    EXPECT_EQ(outcome.code, 2);
    auto json = nlohmann::json::parse(hvctl({"validate", "--json", good}).out);
    EXPECT_EQ(json["files"][0]["definition"]["memory"], "128MiB");

    std::string bad = definition("nmae: hello\nmemory: 128MiB\nkernel: /vmlinuz\n");
    outcome = hvctl({"validate", bad});
    EXPECT_EQ(outcome.out, "");
    EXPECT_NE(outcome.err.find(bad + ":1:1: unknown key \"nmae\" in a domain; did you mean \"name\"?"), std::string::npos)
        << outcome.err;
    EXPECT_EQ(outcome.code, 2);
    outcome = hvctl({"validate", "--json", bad});
    json = nlohmann::json::parse(outcome.out);
    EXPECT_EQ(json["files"][0]["valid"], false);
    EXPECT_TRUE(json["files"][0]["error"].get<std::string>().starts_with("HV-E0101: ")) << outcome.out;
    EXPECT_EQ(outcome.err, "");
    EXPECT_EQ(outcome.code, 2);
}

TEST_F(VerbsTest, ValidateOfSomethingThatIsNotServedYetWarns) {
    Outcome outcome = hvctl({"validate", definition("{name: hello, memory: 128MiB, kernel: /vmlinuz, type: pvh}\n")});
    EXPECT_EQ(outcome.code, 0);
    EXPECT_EQ(outcome.err, "hvctl: warning: hello: type pvh is not available yet; write type: pv. 'hvctl create' refuses it until then\n");
}

TEST_F(VerbsTest, ValidateAgainstTheHostAsksHvctld) {
    EXPECT_EQ(hvctl({"validate", "--host", definition("name: hello\n")}).code, 0);
    EXPECT_TRUE(last_call().starts_with("ValidateDomain(")) << last_call();
    EXPECT_TRUE(last_call().ends_with("{host=true})")) << last_call();
}

TEST_F(VerbsTest, ValidateWithoutItsCheckerSaysSo) {
    std::string path = definition("name: hello\n");
    Outcome outcome = run_hvctl({.arguments = {"validate", path}, .input = {}, .environment = {{"HVCTLD", "/no/such/hvctld"}}});
    EXPECT_EQ(outcome.err, "hvctl: cannot run /no/such/hvctld to check the file: No such file or directory\n"
                           "It is part of the package hvctl; install that again.\n");
    EXPECT_EQ(outcome.code, 1);
}

TEST_F(VerbsTest, OutputThatCannotBeWrittenIsAFailure) {
    for (const char* verb : {"list", "help", "--version", "list --json", "job list", "info", "perf", "dmesg", "__complete li"}) {
        daemon_.counters = {{"trap.nmi", std::uint64_t{3}}};
        daemon_.hv_log = "hv 0.1\n";
        daemon_.host = {{"hv_version", std::string("0.1")}};
        const std::string full = std::string("hvctl ") + verb + " 2>&1 >/dev/full; echo $?";
        EXPECT_EQ(said_by_shell(daemon_, full),
                  "hvctl: cannot write the output: No space left on device\n1\n")
            << verb;
        const std::string closed = std::string("hvctl ") + verb + " 2>&1 >&-; echo $?";
        EXPECT_EQ(said_by_shell(daemon_, closed), "hvctl: cannot write the output: Bad file descriptor\n1\n")
            << verb;
    }
    EXPECT_EQ(said_by_shell(daemon_, "hvctl pause hello 2>&1 >&-; echo $?"), "0\n");  // nothing to say
}

TEST_F(VerbsTest, AReaderThatHasSeenEnoughIsNoFailureWorthAWord) {
    for (std::uint64_t id = 0; id < 5000; ++id) daemon_.jobs.push_back({{"id", id}, {"verb", std::string("create")}});
    EXPECT_EQ(said_by_shell(daemon_, "hvctl job list --json 2>&1 | head -n 1"), "{\n");
    EXPECT_EQ(said_by_shell(daemon_, "hvctl job list --json 2>&1 | true; echo ${PIPESTATUS[0]}"), "141\n");
}

TEST_F(VerbsTest, WhatABrokerSaysIsSaidInOurWords) {
    daemon_.errors["ListDomains"] = {"org.freedesktop.DBus.Error.AccessDenied", "Sender is not authorized to send message"};
    Outcome outcome = hvctl({"list"});
    EXPECT_EQ(outcome.err, "hvctl: permission denied: managing domains is for root\nRun it with sudo, or as root.\n");
    EXPECT_EQ(outcome.code, 5);
}

TEST_F(VerbsTest, WhatADaemonSaysCannotDriveTheTerminal) {
    daemon_.errors["ListDomains"] = {"Io", "HV-E0006: \x1b]0;gotcha\a\x1b[6nfile"};
    EXPECT_EQ(hvctl({"list"}).err, "hvctl: HV-E0006: file\n");
}

TEST_F(VerbsTest, ADeadSocketIsExplained) {
    daemon_.stop();
    Outcome outcome = hvctl({"list"});
    EXPECT_EQ(outcome.err, "hvctl: cannot connect to hvctld at " + daemon_.address() +
                               ": No such file or directory\nCheck --bus and HVCTL_BUS.\n");
    EXPECT_EQ(outcome.code, 4);
    EXPECT_EQ(hvctl({"--bus", "tcp:host=localhost,port=1", "list"}).code, 4);
    EXPECT_EQ(hvctl({"--bus", "nonsense:x", "list"}).code, 4);
}

TEST_F(VerbsTest, VersionHelpAndUsage) {
    EXPECT_TRUE(hvctl({"--version"}).out.starts_with("hvctl "));
    EXPECT_EQ(hvctl({"help"}).out, hvctl({"--help"}).out);
    EXPECT_EQ(hvctl({"help", "list"}).out, hvctl({"list", "--help"}).out);
    EXPECT_EQ(hvctl({}).code, 2);
    EXPECT_EQ(hvctl({}).err, "hvctl: which verb?\n'hvctl help' lists them.\n");
    EXPECT_EQ(hvctl({"help", "nothing"}).code, 2);
}

TEST_F(VerbsTest, HelpOfAVerb) {
    EXPECT_EQ(hvctl({"help", "pause"}).out, R"(Usage
  hvctl pause DOMAIN...

Takes the CPUs away from a domain. It keeps its memory and its devices and goes
on where it was after 'hvctl unpause'.

Arguments
  DOMAIN      name, id or UUID

Options
  -h, --help  show this help

Examples
  hvctl pause web1
)");
}

TEST_F(VerbsTest, CompletionOffersDomains) {
    EXPECT_EQ(hvctl({"__complete", "destroy", "h"}).out, "hello\tblocked\n");
    EXPECT_EQ(hvctl({"__complete", "destroy", ""}).out, "hello\tblocked\n");
    EXPECT_EQ(hvctl({"__complete", "start", ""}).out, "old\tstopped\n");
    EXPECT_EQ(hvctl({"__complete", "create", ""}).out, ":files\n");
}

TEST_F(VerbsTest, AFullDiskIsAFailure) {
    Outcome outcome = run_hvctl({.arguments = {"list", "--bus", daemon_.address()}, .input = {}, .environment = {}});
    EXPECT_EQ(outcome.code, 0);
    std::string command = std::string("'") + HVCTL_BINARY + "' help > /dev/full 2>/dev/null";
    EXPECT_EQ(exit_code_of_status(std::system(command.c_str())), 1);
}

}  // namespace
}  // namespace hvctl::cli::test
