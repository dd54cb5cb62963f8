// The verbs about domains and their vCPUs: output, errors and exit codes as a user or a script sees them.
#include <nlohmann/json.hpp>

#include <filesystem>

#include "verbs_testing.hpp"

namespace hvctl::cli::test {
namespace {

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
          Case{{"create", "old"},
               "hvctl: there is no file old\n'hvctl create' takes a domain file; 'hvctl start' takes the name of a "
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

TEST_F(VerbsTest, DumpCoreNamesAFile) {
    EXPECT_EQ(hvctl({"dump-core", "hello", "--no-wait"}).code, 0);
    EXPECT_EQ(last_call().find("DumpCore(hello, "), 0u) << last_call();
    EXPECT_EQ(last_call().find("live"), std::string::npos) << last_call();
    EXPECT_EQ(hvctl({"dump-core", "-l", "-c", "hello", "a/../h.core", "--no-wait"}).code, 0);
    EXPECT_NE(last_call().find((std::filesystem::current_path() / "h.core").string()), std::string::npos)
        << last_call();
    EXPECT_NE(last_call().find("live"), std::string::npos) << last_call();
    EXPECT_NE(last_call().find("crash"), std::string::npos) << last_call();
    EXPECT_EQ(hvctl({"dump-core"}).code, 2);
}

TEST_F(VerbsTest, ShowTellsOfACrashLoopBesideTheDefinition) {
    Properties loop = domain("loop", -1, "crashloop");
    loop["shutdown_reason"] = std::string("crash");
    loop["ended"] = std::uint64_t{1'700'000'000'000'000};
    daemon_.domains.push_back(loop);
    const auto shown = hvctl({"show", "loop"});
    EXPECT_EQ(shown.code, 0);
    EXPECT_EQ(shown.out, hvctl({"show", "hello"}).out);
    EXPECT_NE(shown.err.find("loop has crashed too often"), std::string::npos) << shown.err;
    EXPECT_NE(shown.err.find("(crash)"), std::string::npos) << shown.err;
    EXPECT_EQ(hvctl({"show", "hello"}).err, "");
}

TEST_F(VerbsTest, ShowTellsWhereADiskHasNoRoom) {
    Properties full = domain("full", 5, "disk-full");
    full["disk_full"] = std::string("/srv has 12 MiB left, and 96 MiB are needed");
    daemon_.domains.push_back(full);
    const auto shown = hvctl({"show", "full"});
    EXPECT_EQ(shown.code, 0);
    EXPECT_NE(shown.err.find("full is paused because a disk of it cannot grow: /srv has 12 MiB left"),
              std::string::npos)
        << shown.err;
    EXPECT_NE(hvctl({"list", "full"}).out.find("disk-full"), std::string::npos);
    EXPECT_NE(hvctl({"list", "full", "--json"}).out.find("\"disk_full\": \"/srv has"), std::string::npos);
}

TEST_F(VerbsTest, SysrqAndRename) {
    EXPECT_EQ(hvctl({"sysrq", "hello", "h"}).code, 0);
    EXPECT_EQ(last_call(), "SendSysrq(hello, h)");
    EXPECT_EQ(hvctl({"sysrq", "hello"}).code, 2);
    EXPECT_EQ(hvctl({"rename", "hello", "world"}).code, 0);
    EXPECT_EQ(last_call(), "RenameDomain(hello, world)");
    EXPECT_EQ(hvctl({"rename", "hello"}).code, 2);
}

TEST_F(VerbsTest, BlockAttachWritesADisk) {
    EXPECT_EQ(hvctl({"block-attach", "hello", "/srv/a b.img", "xvdb", "-r", "--no-wait"}).code, 0);
    EXPECT_NE(last_call().find("/srv/a b.img"), std::string::npos) << last_call();
    EXPECT_NE(last_call().find("xvdb"), std::string::npos) << last_call();
    EXPECT_NE(last_call().find("\"ro\""), std::string::npos) << last_call();
    // What is written relative to this folder is, for hvctld, from the root on.
    EXPECT_EQ(hvctl({"block-attach", "hello", "b.img", "--no-wait"}).code, 0);
    EXPECT_NE(last_call().find((std::filesystem::current_path() / "b.img").string()), std::string::npos) << last_call();
    EXPECT_EQ(last_call().find("target"), std::string::npos) << last_call();
    EXPECT_EQ(hvctl({"block-attach", "hello", "b.img", "--on-full", "error", "--no-wait"}).code, 0);
    EXPECT_NE(last_call().find("\"on_full\""), std::string::npos) << last_call();
    EXPECT_EQ(hvctl({"block-attach", "hello"}).code, 2);
}

TEST_F(VerbsTest, BlockDetachNamesDisks) {
    EXPECT_EQ(hvctl({"block-detach", "hello", "xvdb", "--no-wait"}).code, 0);
    EXPECT_EQ(last_call().find("DetachDisk(hello, xvdb"), 0u) << last_call();
    EXPECT_EQ(hvctl({"block-detach", "hello"}).code, 2);
}

TEST_F(VerbsTest, BlockResizeTakesASizeWithAUnit) {
    EXPECT_EQ(hvctl({"block-resize", "hello", "xvda", "20GiB", "--no-wait"}).code, 0);
    EXPECT_EQ(last_call(), "ResizeDisk(hello, xvda, 21474836480)");
    for (const char* size : {"20", "20G", "GiB", "-1GiB", "0GiB", "20000000000TiB", "1.5GiB"})
        EXPECT_EQ(hvctl({"block-resize", "hello", "xvda", size}).code, 2) << size;
}

TEST_F(VerbsTest, NetworkAttachWritesANic) {
    EXPECT_EQ(
        hvctl({"network-attach", "hello", "bridge=br0", "ip=192.0.2.7/24,2001:db8::7/64", "mtu=9000", "--no-wait"})
            .code,
        0);
    EXPECT_EQ(last_call().find("AttachNic(hello, "), 0u) << last_call();
    for (const char* part : {"\"bridge\": \"br0\"", "\"addresses\": [", "\"2001:db8::7/64\"", "\"mtu\": 9000"})
        EXPECT_NE(last_call().find(part), std::string::npos) << last_call();
    EXPECT_EQ(hvctl({"network-attach", "hello", "addresses=any", "--no-wait"}).code, 0);
    EXPECT_NE(last_call().find("\"addresses\": \"any\""), std::string::npos) << last_call();
    EXPECT_EQ(hvctl({"network-attach", "hello", "vlan=30", "offload=false", "--no-wait"}).code, 0);
    EXPECT_NE(last_call().find("\"vlan\": 30"), std::string::npos) << last_call();
    EXPECT_NE(last_call().find("\"offload\": false"), std::string::npos) << last_call();
    EXPECT_EQ(hvctl({"network-attach", "hello", "hook=/etc/hvctl/hooks/x", "--no-wait"}).code, 0);
    EXPECT_NE(last_call().find("\"hook\": \"/etc/hvctl/hooks/x\""), std::string::npos) << last_call();
    EXPECT_EQ(hvctl({"network-attach", "hello", "--no-wait"}).code, 0);
    const auto wrong = hvctl({"network-attach", "hello", "bridg=br0"});
    EXPECT_EQ(wrong.code, 2);
    EXPECT_NE(wrong.err.find("bridge, mac, addresses"), std::string::npos) << wrong.err;
    EXPECT_EQ(hvctl({"network-attach", "hello", "mac=1", "mac=2"}).code, 2);
}

TEST_F(VerbsTest, NetworkSetAndDetachNameTheirNic) {
    EXPECT_EQ(hvctl({"network-set", "hello", "0", "rate=none", "link=down", "--no-wait"}).code, 0);
    EXPECT_EQ(last_call().find("ChangeNic(hello, 0, "), 0u) << last_call();
    EXPECT_EQ(hvctl({"network-set", "hello", "0"}).code, 2);
    EXPECT_EQ(hvctl({"network-set", "hello", "0", "mac=00:16:3e:00:00:01"}).code, 2);
    EXPECT_EQ(hvctl({"network-detach", "hello", "1", "--no-wait"}).code, 0);
    EXPECT_EQ(last_call().find("DetachNic(hello, 1"), 0u) << last_call();
}

TEST_F(VerbsTest, NetworkCheckFailsWithWhatPassesThatMustNot) {
    daemon_.nics["hello"] = {{{"number", std::uint64_t{0}}}};
    daemon_.trials = {{{"what", std::string("IPv4 from its own")}, {"allowed", true}, {"passed", true}},
                      {{"what", std::string("ARP for another")}, {"allowed", false}, {"passed", false}}};
    const auto sound = hvctl({"network-check", "hello"});
    EXPECT_EQ(sound.code, 0) << sound.err;
    EXPECT_EQ(last_call(), "CheckNic(hello, 0)");
    EXPECT_NE(sound.out.find("refused  no       ARP for another"), std::string::npos) << sound.out;
    daemon_.trials[1]["passed"] = true;
    const auto spoofs = hvctl({"network-check", "hello", "0"});
    EXPECT_EQ(spoofs.code, 1);
    EXPECT_NE(spoofs.out.find("PASSED  no       ARP for another"), std::string::npos) << spoofs.out;
    EXPECT_NE(spoofs.err.find("network interface 0"), std::string::npos) << spoofs.err;
    daemon_.trials[1]["passed"] = false;
    daemon_.nic_in_force = false;
    const auto none = hvctl({"network-check", "--json", "hello"});
    EXPECT_EQ(none.code, 1);
    EXPECT_NE(none.out.find("\"sound\": false"), std::string::npos) << none.out;
}

TEST_F(VerbsTest, NetworkListShowsAllNics) {
    daemon_.nics["hello"] = {{{"number", std::uint64_t{0}},
                              {"mac", std::string("00:16:3e:00:00:01")},
                              {"bridge", std::string("hvbr0")},
                              {"addresses", std::string("10.213.0.5/20")},
                              {"link", true},
                              {"rate", std::uint64_t{100000000}},
                              {"received_bytes", std::uint64_t{1048576}},
                              {"sent_bytes", std::uint64_t{0}},
                              {"state", std::string("connected")},
                              {"interface", std::string("vif1.0")}}};
    const auto outcome = hvctl({"network-list"});
    EXPECT_EQ(outcome.code, 0);
    EXPECT_NE(outcome.out.find("00:16:3e:00:00:01  hvbr0   connected  vif1.0     100Mbit/s"), std::string::npos)
        << outcome.out;
    EXPECT_NE(hvctl({"network-list", "--json", "hello"}).out.find("\"nics\""), std::string::npos);
}

TEST_F(VerbsTest, BlockListShowsAllDisks) {
    daemon_.disks["hello"] = {{{"target", std::string("xvda")},
                               {"path", std::string("/srv/a.img")},
                               {"read_only", true},
                               {"state", std::string("connected")},
                               {"device", std::string("7:0")}}};
    const auto outcome = hvctl({"block-list"});
    EXPECT_EQ(outcome.code, 0);
    EXPECT_NE(outcome.out.find("xvda    ro    connected  7:0     /srv/a.img"), std::string::npos) << outcome.out;
    EXPECT_EQ(outcome.out.find("Domain-0"), std::string::npos) << outcome.out;
    EXPECT_NE(hvctl({"block-list", "--json", "hello"}).out.find("\"state\": \"connected\""), std::string::npos);
}

}  // namespace
}  // namespace hvctl::cli::test
