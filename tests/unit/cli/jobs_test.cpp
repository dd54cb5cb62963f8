// Verbs that wait: progress, failure, Ctrl-C, and hvctld going away in the middle.
#include <gtest/gtest.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "fake_daemon.hpp"
#include "process.hpp"
#include "pty.hpp"

namespace hvctl::cli::test {
namespace {

class JobsTest : public testing::Test {
  protected:
    FakeDaemon daemon_;

    void SetUp() override {
        daemon_.domains = {
            {{"name", std::string("Domain-0")}, {"state", std::string("running")}, {"domid", std::int64_t{0}}},
            {{"name", std::string("hello")}, {"state", std::string("running")}, {"domid", std::int64_t{3}}},
            {{"name", std::string("second")}, {"state", std::string("blocked")}, {"domid", std::int64_t{4}}},
            {{"name", std::string("old")}, {"state", std::string("stopped")}}};
        daemon_.progress = {{{"verb", std::string("create")},
                             {"domain", std::string("hello")},
                             {"phase", std::string("building memory")},
                             {"percent", std::int64_t{45}}}};
    }
    Invocation run(const std::vector<std::string>& arguments) const {
        return {
            .arguments = arguments, .input = {}, .environment = {{"HVCTL_BUS", daemon_.address()}, {"TERM", "xterm"}}};
    }
    std::string definition() const {
        std::string path = (daemon_.directory() / "d.yaml").string();
        FILE* file = std::fopen(path.c_str(), "w");
        std::fputs("name: hello\n", file);
        std::fclose(file);
        return path;
    }
};

TEST_F(JobsTest, ShutdownOnlyAsksUnlessToldToWait) {
    EXPECT_EQ(run_hvctl(run({"shutdown", "hello", "--timeout", "30"})).code, 0);
    EXPECT_EQ(daemon_.calls(), std::vector<std::string>{"ShutdownDomain(hello, {timeout_seconds=30})"});
}

TEST_F(JobsTest, ShutdownOfAllLeavesDom0AndWhatDoesNotRun) {
    EXPECT_EQ(run_hvctl(run({"shutdown", "--all", "--wait"})).code, 0);
    EXPECT_EQ(daemon_.calls(), (std::vector<std::string>{"ListDomains()", "ShutdownDomain(hello, {})",
                                                         "ShutdownDomain(second, {})", "WaitJob(7)", "WaitJob(7)"}));
}

TEST_F(JobsTest, ShutdownRefusesContradictions) {
    EXPECT_EQ(run_hvctl(run({"shutdown"})).code, 2);
    EXPECT_EQ(run_hvctl(run({"shutdown", "--all", "hello"})).code, 2);
    for (const char* bad : {"0", "-1", "soon", "86401"}) {
        EXPECT_EQ(run_hvctl(run({"reboot", "hello", std::string("--timeout=") + bad})).code, 2) << bad;
    }
    EXPECT_TRUE(daemon_.calls().empty());
}

TEST_F(JobsTest, ADeadlineThatPassesHasItsExitCode) {
    daemon_.job_error =
        BusError{"DeadlinePassed", "HV-E0603: hello did not stop within 300 s; 'hvctl destroy hello' ends it"};
    Outcome outcome = run_hvctl(run({"shutdown", "-w", "hello"}));
    EXPECT_EQ(outcome.err, "hvctl: HV-E0603: hello did not stop within 300 s; 'hvctl destroy hello' ends it\n");
    EXPECT_EQ(outcome.code, 8);
}

TEST_F(JobsTest, StopAllWaitsForEverything) {
    EXPECT_EQ(run_hvctl(run({"stop-all", "--timeout", "30"})).code, 0);
    EXPECT_EQ(daemon_.calls(), (std::vector<std::string>{"StopAllDomains({timeout_seconds=30})", "WaitJob(7)"}));
    EXPECT_EQ(run_hvctl(run({"stop-all", "--timeout", "never"})).code, 2);
    EXPECT_EQ(run_hvctl(run({"stop-all", "hello"})).code, 2);
}

TEST_F(JobsTest, StopAllWaitsForADaemonThatIsBeingStartedAgain) {
    daemon_.stop();
    Pty terminal(run({"stop-all"}));
    ASSERT_TRUE(terminal.expect("waiting for it to come back")) << terminal.seen();
    daemon_.start();
    EXPECT_EQ(terminal.finish(), 0) << terminal.seen();
    EXPECT_TRUE(daemon_.wait_for_call("StopAllDomains"));
}

TEST_F(JobsTest, DestroyWaits) {
    EXPECT_EQ(run_hvctl(run({"destroy", "hello"})).code, 0);
    EXPECT_EQ(daemon_.calls(), (std::vector<std::string>{"DestroyDomain(hello)", "WaitJob(7)"}));
    EXPECT_EQ(run_hvctl(run({"destroy", "--no-wait", "hello"})).out, "7\n");
}

TEST_F(JobsTest, ListIsATableOrJson) {
    daemon_.jobs = {{{"id", std::uint64_t{7}},
                     {"verb", std::string("create")},
                     {"domain", std::string("hello")},
                     {"state", std::string("running")},
                     {"phase", std::string("kernel")},
                     {"percent", std::int64_t{10}},
                     {"started", std::uint64_t{1'700'000'000'000'000}}},
                    {{"id", std::uint64_t{6}},
                     {"verb", std::string("create")},
                     {"domain", std::string("web")},
                     {"state", std::string("failed")},
                     {"error", std::string("HV-E0301: too little memory\nmore")}}};
    EXPECT_EQ(run_hvctl(run({"job", "list"})).out,
              "Job  Verb    Domain  State    Started              Progress\n"
              "  7  create  hello   running  2023-11-14 22:13:20  kernel 10 %\n"
              "  6  create  web     failed   -                    HV-E0301: too little memory\n");
    auto json = nlohmann::json::parse(run_hvctl(run({"job", "l", "--json"})).out);
    EXPECT_EQ(json["version"], 1);
    EXPECT_EQ(json["jobs"][0]["id"], 7);
}

TEST_F(JobsTest, WaitAndCancelTakeNumbers) {
    EXPECT_EQ(run_hvctl(run({"job", "wait", "7"})).code, 0);
    EXPECT_EQ(run_hvctl(run({"job", "cancel", "8", "9"})).code, 0);
    EXPECT_EQ(daemon_.calls(), (std::vector<std::string>{"WaitJob(7)", "CancelJob(8)", "CancelJob(9)"}));
    for (const std::vector<std::string>& bad : std::vector<std::vector<std::string>>{
             {"job"}, {"job", "wait"}, {"job", "wait", "x"}, {"job", "frob"}, {"job", "list", "7"}, {"job", ""}}) {
        EXPECT_EQ(run_hvctl(run(bad)).code, 2);
    }
}

TEST_F(JobsTest, ProgressIsOneLineOnATerminalAndGoneAtTheEnd) {
    Pty terminal(run({"create", definition()}));
    EXPECT_TRUE(terminal.expect("create hello: building memory 45 %")) << terminal.seen();
    EXPECT_TRUE(terminal.expect("hello is started (domain 3)")) << terminal.seen();
    EXPECT_EQ(terminal.finish(), 0);
    EXPECT_NE(terminal.seen().find("45 %\r\x1b[K"), std::string::npos);
}

TEST_F(JobsTest, ThereIsNoProgressInAPipe) {
    Outcome outcome = run_hvctl(run({"create", definition()}));
    EXPECT_EQ(outcome.err, "");
    EXPECT_EQ(outcome.out, "hello is started (domain 3)\n");
}

TEST_F(JobsTest, CtrlCCancelsACreation) {
    daemon_.job_hangs = true;
    Pty terminal(run({"create", definition()}));
    ASSERT_TRUE(terminal.expect("45 %")) << terminal.seen();
    terminal.type("\x03");
    ASSERT_TRUE(terminal.expect("hvctl: cancelling job 7; Ctrl-C again leaves it alone")) << terminal.seen();
    EXPECT_TRUE(terminal.expect("hvctl: HV-E0602: create of hello was cancelled")) << terminal.seen();
    EXPECT_EQ(terminal.finish(), 8);
}

TEST_F(JobsTest, ASecondCtrlCLeaves) {
    daemon_.job_hangs_silently = true;
    Pty terminal(run({"create", definition()}));
    ASSERT_TRUE(terminal.expect("45 %"));
    terminal.type("\x03");
    ASSERT_TRUE(terminal.expect("Ctrl-C again"));
    terminal.type("\x03");
    EXPECT_TRUE(terminal.expect("hvctl: job 7 goes on: 'hvctl job wait 7' waits for its end"));
    EXPECT_EQ(terminal.finish(), 130);
}

TEST_F(JobsTest, CtrlCLeavesAShutdownAlone) {
    daemon_.job_hangs = true;
    Pty terminal(run({"shutdown", "--wait", "hello"}));
    ASSERT_TRUE(daemon_.wait_for_call("WaitJob"));
    ASSERT_TRUE(terminal.expect("45 %"));
    terminal.type("\x03");
    EXPECT_TRUE(terminal.expect("hvctl: job 7 goes on"));
    EXPECT_EQ(terminal.finish(), 130);
    for (const std::string& call : daemon_.calls()) EXPECT_FALSE(call.starts_with("CancelJob")) << call;
}

TEST_F(JobsTest, WaitingGoesOnOverARestartOfTheDaemon) {
    daemon_.job_hangs = true;
    Pty terminal(run({"shutdown", "--wait", "hello"}));
    ASSERT_TRUE(daemon_.wait_for_call("WaitJob"));
    ASSERT_TRUE(terminal.expect("45 %"));
    daemon_.stop();
    ASSERT_TRUE(terminal.expect("hvctld has gone")) << terminal.seen();
    daemon_.job_hangs = false;
    daemon_.start();
    EXPECT_EQ(terminal.finish(), 0) << terminal.seen();
}

}  // namespace
}  // namespace hvctl::cli::test
