// The program of a network interface as it is run: what it is given, what becomes of what it says, and which users may
// have written it. With real programs.
#include "devices/network/hook_program.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/files.hpp"
#include "base/supervised_program.hpp"
#include "base/trusted_program.hpp"
#include "testing.hpp"

namespace hvctld::test {
namespace {

constexpr std::uint64_t kHookTime = 60'000;  // a loaded machine, never a measure

class HookProgram : public testing::Test {
  protected:
    // A program of these lines of shell.
    [[nodiscard]] std::string program(const std::string& lines) const {
        std::string path = folder.file("hook", "#!/bin/sh\n" + lines);
        chmod(path.c_str(), 0755);
        return path;
    }
    [[nodiscard]] HookRun run_of(const std::string& lines) const {
        HookRun run;
        run.program = program(lines);
        run.interface = "vif3.0";
        run.domid = 3;
        run.domain = "web1";
        run.uuid = "11111111-2222-3333-4444-555555555555";
        run.nic.bridge = "br0";
        run.nic.mac = config::MacAddress{0, 0x16, 0x3e, 0, 0, 7};
        run.nic.addresses = {*config::parse_ip_prefix("192.0.2.7/24"), *config::parse_ip_prefix("2001:db8::7/64")};
        return run;
    }
    // What is said of its failure.
    [[nodiscard]] std::string complaint_of(const std::string& lines, std::uint64_t patience_ms = kHookTime) const {
        const auto ran = run_nic_hook(run_of(lines), patience_ms, {});
        if (ran) return {};
        EXPECT_EQ(ran.error().id(), ErrorId::HookFailed);
        return ran.error().message();
    }
    [[nodiscard]] std::string told() const { return read_text_file(folder / "told", 65536).value_or(""); }

    TemporaryFolder folder;
};

TEST_F(HookProgram, IsGivenWhatItNeedsAndNothingElse) {
    const std::string file = folder / "told";
    setenv("HVCTL_TEST_SECRET", "1", 1);
    // `env -u` of what the shell adds by itself.
    EXPECT_EQ(
        complaint_of(fmt::format("exec >{}\necho \"$1 $2 $#\"\nenv -u PWD -u OLDPWD -u _ -u SHLVL | sort\ncat", file)),
        "");
    unsetenv("HVCTL_TEST_SECRET");
    EXPECT_EQ(told(),
              "add vif3.0 2\n"
              "HVCTL_ACTION=add\n"
              "HVCTL_ADDRESSES=192.0.2.7/24 2001:db8::7/64\n"
              "HVCTL_BRIDGE=br0\n"
              "HVCTL_DOMAIN=web1\n"
              "HVCTL_DOMID=3\n"
              "HVCTL_INTERFACE=vif3.0\n"
              "HVCTL_MAC=00:16:3e:00:00:07\n"
              "HVCTL_UUID=11111111-2222-3333-4444-555555555555\n"
              "HVCTL_VLAN=0\n"
              "PATH=/usr/sbin:/usr/bin:/sbin:/bin\n");
}

TEST_F(HookProgram, RemovesWithTheSameWords) {
    HookRun run = run_of(fmt::format("echo \"$1 $HVCTL_ACTION $HVCTL_ADDRESSES\" >{}", folder / "told"));
    run.action = HookRun::Action::Remove;
    run.nic.addresses.clear();
    run.nic.any_address = true;
    EXPECT_TRUE(run_nic_hook(run, kHookTime, {}));
    EXPECT_EQ(told(), "remove remove any\n");
}

TEST_F(HookProgram, AFailureHasItsStatusAndTheEndOfItsWords) {
    const std::string said =
        complaint_of("echo fine\necho 'no such switch' >&2\nprintf '\\033[31mred\\377\\n' >&2\nexit 3");
    EXPECT_NE(said.find("add vif3.0 has ended with status 3: no such switch; [31mred?"), std::string::npos) << said;
    EXPECT_EQ(said.find("fine"), std::string::npos);
    EXPECT_NE(complaint_of("kill -SEGV $$").find("was ended by signal 11"), std::string::npos);
    const std::string much = complaint_of("i=0; while [ $i -lt 3000 ]; do echo line$i >&2; i=$((i + 1)); done; exit 1");
    EXPECT_LT(much.size(), 8192u);
    EXPECT_TRUE(much.ends_with("line2999")) << much;
}

TEST_F(HookProgram, OneThatDoesNotEndIsKilledWithAllThatItHasStarted) {
    const std::string file = folder / "told";
    const std::string said =
        complaint_of(fmt::format("echo waiting >&2\nsleep 1000 & echo $! >{0}.new; mv {0}.new {0}; wait", file), 3000);
    EXPECT_NE(said.find("has not ended within 3 s and was killed"), std::string::npos) << said;
    EXPECT_TRUE(said.ends_with(": waiting")) << said;
    const pid_t helper = static_cast<pid_t>(std::stol(told()));
    // The process that inherits it reaps it, or does not.
    const auto state = [&] { return first_line(fmt::format("/proc/{}/stat", helper)); };
    for (int look = 0; look < 1000 && !state().empty() && state().find(") Z") == std::string::npos; ++look)
        std::this_thread::sleep_for(std::chrono::milliseconds{10});
    EXPECT_TRUE(state().empty() || state().find(") Z") != std::string::npos) << state();
}

TEST_F(HookProgram, WhatItLeavesInTheBackgroundIsNotWaitedFor) {
    const auto before = std::chrono::steady_clock::now();
    EXPECT_EQ(complaint_of("sleep 1000 & echo $! >&2; exit 0"), "");
    const std::string said = complaint_of("sleep 1000 & echo $! >&2; exit 4");
    EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds{600});
    EXPECT_NE(said.find("status 4"), std::string::npos);
}

TEST_F(HookProgram, IsKilledWhenItIsCalledOff) {
    std::stop_source stop;
    const std::string file = folder / "told";
    std::thread caller{[&] {
        for (int look = 0; look < 6000 && told().empty(); ++look)
            std::this_thread::sleep_for(std::chrono::milliseconds{10});
        stop.request_stop();
    }};
    const auto ran = run_nic_hook(run_of(fmt::format("echo begun >{}; sleep 1000", file)), 600'000, stop.get_token());
    caller.join();
    ASSERT_FALSE(ran);
    EXPECT_NE(ran.error().message().find("called off"), std::string::npos) << ran.error().message();
    // One that is called off before it begins does not begin.
    std::filesystem::remove(file);
    EXPECT_FALSE(run_nic_hook(run_of(fmt::format("echo begun >{}", file)), kHookTime, stop.get_token()));
    EXPECT_EQ(told(), "");
}

// As kill -9 of hvctld.
TEST_F(HookProgram, DiesWithWhoHasStartedIt) {
    const HookRun run = run_of(fmt::format("echo $$ >{0}.new; mv {0}.new {0}; exec sleep 1000", folder / "told"));
    const pid_t daemon = fork();
    if (daemon == 0) {
        (void)run_nic_hook(run, 600'000, {});
        _exit(0);
    }
    for (int look = 0; look < 6000 && told().empty(); ++look)
        std::this_thread::sleep_for(std::chrono::milliseconds{10});
    ASSERT_NE(told(), "");
    kill(daemon, SIGKILL);
    ASSERT_EQ(waitpid(daemon, nullptr, 0), daemon);
    const auto state = [pid = std::stol(told())] { return first_line(fmt::format("/proc/{}/stat", pid)); };
    for (int look = 0; look < 6000 && !state().empty() && state().find(") Z") == std::string::npos; ++look)
        std::this_thread::sleep_for(std::chrono::milliseconds{10});
    EXPECT_TRUE(state().empty() || state().find(") Z") != std::string::npos) << state();
}

TEST_F(HookProgram, OneThatCannotBeRunSaysWhy) {
    HookRun run = run_of("exit 0");
    chmod(run.program.c_str(), 0644);
    auto ran = run_nic_hook(run, kHookTime, {});
    ASSERT_FALSE(ran);
    EXPECT_NE(ran.error().message().find("Permission denied"), std::string::npos) << ran.error().message();
    run.program = folder / "nothing";
    ran = run_nic_hook(run, kHookTime, {});
    ASSERT_FALSE(ran);
    EXPECT_NE(ran.error().message().find("No such file"), std::string::npos) << ran.error().message();
    run.program = folder.file("text", "no program");
    chmod(run.program.c_str(), 0755);
    EXPECT_FALSE(run_nic_hook(run, kHookTime, {}));
}

TEST_F(HookProgram, RootRunsNothingThatOthersMayChange) {
    const std::string good = std::filesystem::canonical("/usr/bin/env");
    const auto trusted = check_trusted_program(good);
    EXPECT_TRUE(trusted) << trusted.error().message();
    const auto refusal = [](const std::string& path) {
        const auto checked = check_trusted_program(path);
        return checked ? std::string{} : checked.error().message();
    };
    EXPECT_NE(refusal("env").find("not an absolute path"), std::string::npos);
    EXPECT_NE(refusal("/usr/bin").find("not a regular file"), std::string::npos) << refusal("/usr/bin");
    EXPECT_NE(refusal("/etc/passwd").find("not executable"), std::string::npos) << refusal("/etc/passwd");
    EXPECT_NE(refusal("/usr/bin/no-such-program").find("No such file"), std::string::npos);
    // In a folder that every user may write to.
    EXPECT_NE(refusal(program("exit 0")), "");
    const std::string link = folder / "link";
    std::filesystem::create_symlink(good, link);
    EXPECT_NE(refusal(link).find(good + " by another name"), std::string::npos) << refusal(link);
}

}  // namespace
}  // namespace hvctld::test
