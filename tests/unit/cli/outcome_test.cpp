// What holds for every verb: output that cannot be written, errors of others in our words, help, completion.
#include "verbs_testing.hpp"

namespace hvctl::cli::test {
namespace {

TEST_F(VerbsTest, OutputThatCannotBeWrittenIsAFailure) {
    for (const char* verb :
         {"list", "help", "--version", "list --json", "job list", "info", "perf", "dmesg", "__complete li"}) {
        daemon_.counters = {{"trap.nmi", std::uint64_t{3}}};
        daemon_.hv_log = "hv 0.1\n";
        daemon_.host = {{"hv_version", std::string("0.1")}};
        const std::string full = std::string("hvctl ") + verb + " 2>&1 >/dev/full; echo $?";
        EXPECT_EQ(said_by_shell(daemon_, full), "hvctl: cannot write the output: No space left on device\n1\n") << verb;
        const std::string closed = std::string("hvctl ") + verb + " 2>&1 >&-; echo $?";
        EXPECT_EQ(said_by_shell(daemon_, closed), "hvctl: cannot write the output: Bad file descriptor\n1\n") << verb;
    }
    EXPECT_EQ(said_by_shell(daemon_, "hvctl pause hello 2>&1 >&-; echo $?"), "0\n");  // nothing to say
}

TEST_F(VerbsTest, AReaderThatHasSeenEnoughIsNoFailureWorthAWord) {
    for (std::uint64_t id = 0; id < 5000; ++id) daemon_.jobs.push_back({{"id", id}, {"verb", std::string("create")}});
    EXPECT_EQ(said_by_shell(daemon_, "hvctl job list --json 2>&1 | head -n 1"), "{\n");
    EXPECT_EQ(said_by_shell(daemon_, "hvctl job list --json 2>&1 | true; echo ${PIPESTATUS[0]}"), "141\n");
}

TEST_F(VerbsTest, WhatABrokerSaysIsSaidInOurWords) {
    daemon_.errors["ListDomains"] = {"org.freedesktop.DBus.Error.AccessDenied",
                                     "Sender is not authorized to send message"};
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
on where it was after 'hvctl unpause'; also one that waits for room on a disk,
when there is room.

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
