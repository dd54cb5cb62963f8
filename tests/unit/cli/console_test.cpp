// The console over pipes and over a terminal of its own.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iterator>
#include <thread>

#include "fake_daemon.hpp"
#include "process.hpp"
#include "pty.hpp"

namespace hvctl::cli::test {
namespace {

// Our end of the console's stream: the guest.
class Guest {
  public:
    explicit Guest(int descriptor) : descriptor_(descriptor) {}
    ~Guest() { close_now(); }
    Guest(const Guest&) = delete;
    Guest& operator=(const Guest&) = delete;

    void print(const std::string& text) const {
        static_cast<void>(send(descriptor_, text.data(), text.size(), MSG_NOSIGNAL));
    }
    // Reads what was typed until there are `count` bytes.
    std::string typed(std::size_t count) const {
        std::string text;
        char byte = 0;
        pollfd ready{descriptor_, POLLIN, 0};
        while (text.size() < count && poll(&ready, 1, 60'000) == 1 && read(descriptor_, &byte, 1) == 1) text += byte;
        return text;
    }
    // Whether the client has closed its end without typing anything more.
    bool client_left() const {
        char byte = 0;
        pollfd ready{descriptor_, POLLIN, 0};
        return poll(&ready, 1, 60'000) == 1 && read(descriptor_, &byte, 1) <= 0;
    }
    void close_now() {
        if (descriptor_ >= 0) close(descriptor_);
        descriptor_ = -1;
    }

  private:
    int descriptor_;
};

class ConsoleTest : public testing::Test {
  protected:
    FakeDaemon daemon_;

    void SetUp() override { set_state("running"); }
    void set_state(const std::string& state, std::int64_t id = 3) {
        std::lock_guard lock(daemon_.mutex);
        daemon_.domains = {{{"name", std::string("hello")}, {"state", state}}};
        if (state != "stopped")
            daemon_.domains[0]["domid"] = id;
        else
            daemon_.domains[0]["shutdown_reason"] = std::string("poweroff");
    }
    Invocation invocation(const std::vector<std::string>& arguments, const std::string& input = "") const {
        return {.arguments = arguments,
                .input = input,
                .environment = {{"HVCTL_BUS", daemon_.address()}, {"TERM", "xterm"}}};
    }
    std::string definition() const {
        std::string path = (daemon_.directory() / "d.yaml").string();
        FILE* file = std::fopen(path.c_str(), "w");
        std::fputs("name: hello\n", file);
        std::fclose(file);
        return path;
    }
};

TEST_F(ConsoleTest, ATerminalIsRawWhileAttachedAndRestoredAfterwards) {
    Pty terminal(invocation({"console", "hello"}));
    termios before = terminal.settings();
    Guest guest(daemon_.take_console());
    ASSERT_TRUE(terminal.expect("Connected to hello. Ctrl-] leaves."));
    guest.print("login: ");
    ASSERT_TRUE(terminal.expect("login: "));
    EXPECT_TRUE(terminal.is_raw());
    terminal.type("root\r\x03\x1a\x11\x1c");  // Ctrl-C, Ctrl-Z, Ctrl-Q and Ctrl-\ belong to the guest
    EXPECT_EQ(guest.typed(9), "root\r\x03\x1a\x11\x1c");
    terminal.type(
        "x\x1d"
        "not for the guest");
    EXPECT_EQ(guest.typed(1), "x");
    EXPECT_TRUE(guest.client_left());
    EXPECT_EQ(terminal.finish(), 0);
    termios after = terminal.settings();
    EXPECT_EQ(after.c_lflag, before.c_lflag);
    EXPECT_EQ(after.c_iflag, before.c_iflag);
    EXPECT_EQ(after.c_oflag, before.c_oflag);
    EXPECT_EQ(after.c_cflag, before.c_cflag);
    EXPECT_EQ(daemon_.calls()[1], "OpenConsoleLog(hello)");  // how much of what comes is old
    EXPECT_EQ(daemon_.calls()[2], "OpenConsole(hello, write, 16384)");
}

TEST_F(ConsoleTest, SignalsAndCrashesRestoreTheTerminal) {
    for (int signal : {SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGSEGV, SIGABRT}) {
        Pty terminal(invocation({"console", "hello"}));
        termios before = terminal.settings();
        Guest guest(daemon_.take_console());
        guest.print("ready");
        ASSERT_TRUE(terminal.expect("ready"));
        ASSERT_TRUE(terminal.is_raw());
        terminal.send_signal(signal);
        int code = terminal.finish();
        bool crash = signal == SIGSEGV || signal == SIGABRT;
        EXPECT_NE(code, 0) << signal;
        if (!crash) {
            EXPECT_EQ(code, 130) << signal;
        }
        EXPECT_EQ(terminal.settings().c_lflag, before.c_lflag) << signal;
    }
}

TEST_F(ConsoleTest, AResizeIsHarmless) {
    Pty terminal(invocation({"console", "hello"}));
    Guest guest(daemon_.take_console());
    guest.print("one");
    ASSERT_TRUE(terminal.expect("one"));
    for (unsigned short columns = 20; columns < 40; ++columns) {
        terminal.resize(columns);
        terminal.send_signal(SIGWINCH);
    }
    guest.print("two");
    EXPECT_TRUE(terminal.expect("two"));
    terminal.type("k\x1d");
    EXPECT_EQ(guest.typed(1), "k");
    EXPECT_EQ(terminal.finish(), 0);
}

TEST_F(ConsoleTest, AGuestThatTakesNoInputDoesNotHoldTheUser) {
    Pty terminal(invocation({"console", "hello"}));
    Guest guest(daemon_.take_console());
    guest.print("ready");
    ASSERT_TRUE(terminal.expect("ready"));
    terminal.type(std::string(1'000'000, 'x'));
    guest.print("still here");
    EXPECT_TRUE(terminal.expect("still here"));
    terminal.type("\x1d");
    EXPECT_EQ(terminal.finish(), 0);
}

TEST_F(ConsoleTest, ReadingOnlyTypesNothingAndCtrlCLeaves) {
    Pty terminal(invocation({"console", "--read-only", "hello"}));
    Guest guest(daemon_.take_console());
    ASSERT_TRUE(terminal.expect("Connected to hello (read-only)"));
    guest.print("ready");
    ASSERT_TRUE(terminal.expect("ready"));
    terminal.type("abc\x03");
    EXPECT_TRUE(guest.client_left());
    EXPECT_TRUE(terminal.expect("\r\n[left hello]\r\n"))
        << "the shell's prompt needs a line of its own: " << terminal.seen();
    EXPECT_EQ(terminal.finish(), 130);
    EXPECT_EQ(daemon_.calls()[1], "OpenConsole(hello, read, 16384)");
}

TEST_F(ConsoleTest, TheEndOfTheDomainEndsTheConsole) {
    Pty terminal(invocation({"console", "--steal", "hello"}));
    Guest guest(daemon_.take_console());
    guest.print("reboot: Power down\r\n");
    ASSERT_TRUE(terminal.expect("Power down"));
    set_state("stopped");
    guest.close_now();
    EXPECT_TRUE(terminal.expect("[domain hello has ended: poweroff]"));
    EXPECT_EQ(terminal.finish(), 0);
    EXPECT_EQ(daemon_.calls()[2], "OpenConsole(hello, steal, 16384)");
}

TEST_F(ConsoleTest, ARebootIsFollowed) {
    Pty terminal(invocation({"console", "hello"}));
    Guest first(daemon_.take_console());
    first.print("going down");
    ASSERT_TRUE(terminal.expect("going down"));
    set_state("running", 4);
    first.close_now();
    Guest second(daemon_.take_console());
    second.print("coming up");
    EXPECT_TRUE(terminal.expect("coming up"));
    terminal.type("\x1d");
    EXPECT_EQ(terminal.finish(), 0);
}

TEST_F(ConsoleTest, ADomainThatIsBeingRestartedHasNotEnded) {
    Pty terminal(invocation({"console", "hello"}));
    Guest first(daemon_.take_console());
    ASSERT_TRUE(terminal.expect("Connected"));
    set_state("shutdown");
    {
        std::lock_guard lock(daemon_.mutex);
        daemon_.domains[0]["job"] = std::uint64_t{9};
    }
    std::size_t asked = daemon_.calls().size();
    first.close_now();
    while (daemon_.calls().size() < asked + 3) std::this_thread::yield();
    set_state("running", 4);
    Guest second(daemon_.take_console());
    second.print("up again");
    EXPECT_TRUE(terminal.expect("up again"));
    terminal.type("\x1d");
    EXPECT_EQ(terminal.finish(), 0);
}

TEST_F(ConsoleTest, AConsoleThatIsClosedForNoReasonIsAFailure) {
    Pty terminal(invocation({"console", "hello"}));
    Guest guest(daemon_.take_console());
    ASSERT_TRUE(terminal.expect("Connected"));
    guest.close_now();
    EXPECT_TRUE(terminal.expect("hvctl: hvctld has closed the console of hello, although the domain runs"));
    EXPECT_EQ(terminal.finish(), 1);
}

TEST_F(ConsoleTest, ARestartOfTheDaemonIsFollowed) {
    Pty terminal(invocation({"console", "hello"}));
    Guest first(daemon_.take_console());
    ASSERT_TRUE(terminal.expect("Connected"));
    daemon_.stop();
    first.close_now();
    ASSERT_TRUE(terminal.expect("[hvctld has gone"));
    daemon_.start();
    Guest second(daemon_.take_console());
    second.print("and on");
    EXPECT_TRUE(terminal.expect("and on"));
    terminal.type("\x1d");
    EXPECT_EQ(terminal.finish(), 0);
}

TEST_F(ConsoleTest, ABusyConsoleIsRefused) {
    daemon_.errors["OpenConsole"] = {"Busy",
                                     "HV-E0204: another client writes to this console; take it (mode \"steal\")"};
    Outcome outcome = run_hvctl(invocation({"console", "hello"}));
    EXPECT_EQ(outcome.code, 7);
    EXPECT_EQ(outcome.err,
              "hvctl: HV-E0204: somebody else writes to the console of hello\n"
              "'hvctl console --read-only hello' watches; 'hvctl console --steal hello' takes it over, and they go on "
              "reading.\n");
    EXPECT_EQ(run_hvctl(invocation({"console", "none"})).code, 3);
    EXPECT_EQ(run_hvctl(invocation({"console", "--steal", "--read-only", "hello"})).code, 2);
}

TEST_F(ConsoleTest, NobodyIsAtTheConsoleOfADomainThatHasEnded) {
    set_state("stopped");
    Outcome outcome = run_hvctl(invocation({"console", "hello"}));
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(outcome.err,
              "hvctl: domain hello does not run (stopped), so nobody is at its console\n"
              "'hvctl console --history hello' prints what it said until it ended, 'hvctl start hello' starts it "
              "again.\n");
    EXPECT_EQ(outcome.code, 1);
    for (const std::string& call : daemon_.calls()) EXPECT_FALSE(call.starts_with("OpenConsole")) << call;
}

TEST_F(ConsoleTest, Dom0HasTheMachinesConsole) {
    set_state("running", 0);
    Outcome outcome = run_hvctl(invocation({"console", "0"}));
    EXPECT_EQ(outcome.err,
              "hvctl: hello is this system itself: its console is the machine's\n"
              "'hvctl dmesg' prints what hv says there.\n");
    EXPECT_EQ(outcome.code, 1);
}

TEST_F(ConsoleTest, AConsoleMayBeAttachedWhileItsDomainIsStarted) {
    set_state("stopped");
    {
        std::lock_guard lock(daemon_.mutex);
        daemon_.domains[0]["job"] = std::uint64_t{9};
    }
    Pty terminal(invocation({"console", "hello"}));
    Guest guest(daemon_.take_console());
    guest.print("coming up");
    EXPECT_TRUE(terminal.expect("coming up"));
    terminal.type("\x1d");
    EXPECT_EQ(terminal.finish(), 0);
}

// 'hvctl console -r hello > file &'
TEST_F(ConsoleTest, WatchingIntoAFileInTheBackgroundLeavesTheTerminalAlone) {
    const std::string file = (daemon_.directory() / "out").string();
    Pty terminal(invocation({"console", "-r", "hello"}), Pty::Job{.in_background = true, .output = file});
    termios before = terminal.settings();
    Guest guest(daemon_.take_console());
    ASSERT_TRUE(terminal.expect("Connected to hello (read-only). Ctrl-C leaves."));
    guest.print("into the file\r\n");
    EXPECT_EQ(terminal.settings().c_lflag, before.c_lflag);
    set_state("stopped");
    guest.close_now();
    EXPECT_EQ(terminal.finish(), 0) << "255: it was stopped";
    EXPECT_EQ(terminal.settings().c_lflag, before.c_lflag);
    std::ifstream written(file);
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>{written}, {}), "into the file\r\n");
}

// A program that reads what is typed cannot be in the background: the job stops, with the terminal as it was.
TEST_F(ConsoleTest, TypingInTheBackgroundStopsTheJob) {
    Pty terminal(invocation({"console", "hello"}), Pty::Job{.in_background = true, .output = {}});
    termios before = terminal.settings();
    EXPECT_EQ(terminal.finish(), 255);
    EXPECT_EQ(terminal.settings().c_lflag, before.c_lflag);
}

TEST_F(ConsoleTest, PipedInputIsTypedAndTheOutputShownToTheEnd) {
    std::jthread guest_side([this] {
        Guest guest(daemon_.take_console());
        EXPECT_EQ(guest.typed(5), "date\n");
        guest.print("Sun Nov 22\r\n");
        set_state("stopped");
    });
    Outcome outcome = run_hvctl(invocation({"console", "hello"}, "date\n"));
    EXPECT_EQ(outcome.out, "Sun Nov 22\r\n");
    EXPECT_EQ(outcome.err, "");
    EXPECT_EQ(outcome.code, 0);
}

// Not only with the guest's next byte: that may never come.
TEST_F(ConsoleTest, AReaderThatGoesEndsTheConsoleOfASilentGuest) {
    std::jthread guest_side([this] {
        Guest guest(daemon_.take_console());
        guest.print("login: \r\n");
        EXPECT_TRUE(guest.client_left());
    });
    EXPECT_EQ(said_by_shell(daemon_, "hvctl console -r hello 2>&1 | head -n 1; echo ${PIPESTATUS[0]}"),
              "login: \r\n141\n");
}

TEST_F(ConsoleTest, TheLeaveKeyWorksInAPipe) {
    std::jthread guest_side([this] {
        Guest guest(daemon_.take_console());
        EXPECT_EQ(guest.typed(3), "abc");
        EXPECT_TRUE(guest.client_left());
    });
    EXPECT_EQ(run_hvctl(invocation({"console", "hello"},
                                   "abc\x1d"
                                   "def"))
                  .code,
              0);
}

TEST_F(ConsoleTest, HistoryIsPrintedByteForByteIntoAPipe) {
    set_state("stopped");
    daemon_.console_log = "boot\r\n\x1b[6n\x1b[32mok\x1b[0m\n\xff";
    Outcome outcome = run_hvctl(invocation({"console", "--history", "hello"}));
    EXPECT_EQ(outcome.out, daemon_.console_log);
    EXPECT_EQ(outcome.code, 0);
}

TEST_F(ConsoleTest, HistoryOnATerminalAsksItNothing) {
    daemon_.console_log = "boot\r\n\x1b[6nok\n";
    Pty terminal(invocation({"console", "--history", "hello"}));
    EXPECT_EQ(terminal.finish(), 0);
    EXPECT_EQ(terminal.seen(), "boot\r\nok\r\n");
}

TEST_F(ConsoleTest, CreateAttachesBeforeTheGuestStarts) {
    Pty terminal(invocation({"create", "--console", definition()}));
    Guest guest(daemon_.take_console());
    ASSERT_TRUE(daemon_.wait_for_call("UnpauseDomain(hello)"));
    guest.print("first words");
    EXPECT_TRUE(terminal.expect("first words"));
    terminal.type("\x1d");
    EXPECT_EQ(terminal.finish(), 0);
    auto calls = daemon_.calls();
    ASSERT_EQ(calls.size(), 5u);
    EXPECT_TRUE(calls[0].ends_with("{ephemeral=false paused=true})"));
    EXPECT_EQ(calls[3], "OpenConsole(hello, write, 0)");
    EXPECT_EQ(calls[4], "UnpauseDomain(hello)");
}

}  // namespace
}  // namespace hvctl::cli::test
