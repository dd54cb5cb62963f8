#include "base/supervised_program.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <optional>
#include <thread>
#include <utility>

#include "base/files.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

using SteadyClock = std::chrono::steady_clock;
using End = SupervisedOutcome::End;

constexpr std::size_t kMostKept = 4096;
constexpr std::chrono::milliseconds kBetweenCancelLooks{100};  // whether it is called off
constexpr std::chrono::seconds kPatienceWithTheKilled{5};

struct Channel {
    UniqueFd read, write;
};

Result<Channel> make_channel(int read_flags) {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno(errno, "pipe");
    Channel channel{UniqueFd{ends[0]}, UniqueFd{ends[1]}};
    // Of this end alone: the program's writes wait, as it expects.
    if (fcntl(channel.read.get(), F_SETFL, read_flags) != 0) return fail_errno(errno, "pipe");
    return channel;
}

// The words as exec() takes them.
std::vector<char*> pointers(const std::vector<std::string>& words) {
    std::vector<char*> all;
    // exec's interface is older than const; it changes nothing.
    for (const std::string& word : words) all.push_back(const_cast<char*>(word.c_str()));
    all.push_back(nullptr);
    return all;
}

// All that the child needs, made before there is one.
struct Execution {
    const char* program;
    char* const* arguments;
    char* const* environment;
    int input, output, errors, report;
    pid_t parent;
};

// The child of a process with threads may do nothing but system calls until it is another program.
[[noreturn]] void become(const Execution& execution) {
    constexpr int kNotRun = 127;
    setpgid(0, 0);
    // Before the parent is looked at: one that dies in between would not be noticed.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != execution.parent) _exit(kNotRun);
    struct sigaction usual {};
    usual.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; ++number) (void)sigaction(number, &usual, nullptr);
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, nullptr);
    dup2(execution.input, STDIN_FILENO);
    dup2(execution.output, STDOUT_FILENO);
    dup2(execution.errors, STDERR_FILENO);
    (void)close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);  // also what a library has left open
    execve(execution.program, execution.arguments, execution.environment);
    const int problem = errno;
    (void)!write(execution.report, &problem, sizeof problem);
    _exit(kNotRun);
}

class Supervised {
  public:
    static Result<Supervised> start(const std::vector<std::string>& command,
                                    const std::vector<std::string>& environment);
    Result<SupervisedOutcome> wait(std::uint64_t patience_ms, const std::stop_token& cancel);

  private:
    static bool take(UniqueFd& pipe, std::string& text);
    void look(std::chrono::milliseconds longest);
    void take_what_is_left();
    void kill_all(End why);
    Result<SupervisedOutcome> reap();

    std::string program_;
    UniqueFd process_, output_, errors_;
    UniqueFd report_;  // why it could not become the program; its end: it has
    int problem_ = 0;
    pid_t pid_ = 0;
    bool ended_ = false;
    std::optional<SteadyClock::time_point> killed_;
    SupervisedOutcome outcome_;
};

Result<Supervised> Supervised::start(const std::vector<std::string>& command,
                                     const std::vector<std::string>& environment) {
    Channel output = TRY(make_channel(O_NONBLOCK));
    Channel errors = TRY(make_channel(O_NONBLOCK));
    Channel report = TRY(make_channel(O_NONBLOCK));
    const UniqueFd input{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
    if (!input) return fail_errno(errno, "/dev/null");
    const auto arguments = pointers(command);
    const auto variables = pointers(environment);
    const Execution execution{command.front().c_str(), arguments.data(),   variables.data(),   input.get(),
                              output.write.get(),      errors.write.get(), report.write.get(), getpid()};
    const pid_t child = fork();
    if (child < 0) return fail_errno(errno, "fork");
    if (child == 0) become(execution);
    setpgid(child, child);  // as it does itself, whichever comes first
    Supervised started;
    started.program_ = command.front();
    started.pid_ = child;
    started.process_ = UniqueFd{static_cast<int>(syscall(SYS_pidfd_open, child, 0))};
    started.output_ = std::move(output.read);
    started.errors_ = std::move(errors.read);
    started.report_ = std::move(report.read);
    if (started.process_) return started;
    const int problem = errno;
    kill(child, SIGKILL);
    (void)waitpid(child, nullptr, 0);
    return fail_errno(problem, started.program_);
}

// Reads what is there, and keeps the last of it; false when there is nothing now.
bool Supervised::take(UniqueFd& pipe, std::string& text) {
    std::array<char, kMostKept> buffer{};
    const ssize_t got = pipe ? read(pipe.get(), buffer.data(), buffer.size()) : -1;
    if (got == 0) pipe = {};
    if (got <= 0) return false;
    text.append(buffer.data(), static_cast<std::size_t>(got));
    if (text.size() > kMostKept) text.erase(0, text.size() - kMostKept);
    return true;
}

void Supervised::look(std::chrono::milliseconds longest) {
    const auto of = [](const UniqueFd& pipe) { return pollfd{pipe ? pipe.get() : -1, POLLIN, 0}; };
    std::array<pollfd, 4> watched{of(process_), of(output_), of(errors_), of(report_)};
    if (poll(watched.data(), watched.size(), static_cast<int>(longest.count())) <= 0) return;
    if (watched[1].revents != 0) (void)take(output_, outcome_.output);
    if (watched[2].revents != 0) (void)take(errors_, outcome_.errors);
    if (watched[3].revents != 0) {
        if (read(report_.get(), &problem_, sizeof problem_) <= 0) problem_ = 0;
        report_ = {};
    }
    ended_ = watched[0].revents != 0;
}

// Of a program that has ended. What it left in the background may go on writing for ever.
void Supervised::take_what_is_left() {
    constexpr int kMostReads = 64;  // a pipe holds no more
    for (auto [pipe, text] : {std::pair{&output_, &outcome_.output}, std::pair{&errors_, &outcome_.errors}}) {
        for (int reads = 0; reads < kMostReads && take(*pipe, *text); ++reads) {
        }
    }
}

void Supervised::kill_all(End why) {
    outcome_.end = why;
    killed_ = SteadyClock::now();
    kill(-pid_, SIGKILL);
}

Result<SupervisedOutcome> Supervised::wait(std::uint64_t patience_ms, const std::stop_token& cancel) {
    const auto until = SteadyClock::now() + std::chrono::milliseconds{patience_ms};
    while (!ended_) {
        const auto now = SteadyClock::now();
        if (killed_ && now - *killed_ > kPatienceWithTheKilled) {
            std::thread{[pid = pid_] { (void)waitpid(pid, nullptr, 0); }}.detach();  // whenever that is
            return fail(ErrorId::Io,
                        fmt::format("{} does not end although it was killed: it hangs in Dom0's kernel", program_));
        }
        if (!killed_ && cancel.stop_requested()) kill_all(End::CalledOff);
        if (!killed_ && now >= until) kill_all(End::TimedOut);
        look(kBetweenCancelLooks);
    }
    take_what_is_left();
    return reap();
}

Result<SupervisedOutcome> Supervised::reap() {
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0) {
        if (errno != EINTR) return fail_errno(errno, program_);
    }
    if (killed_) return outcome_;
    if (problem_ != 0) return fail_errno(problem_, program_);
    outcome_.end = WIFEXITED(status) ? End::Exited : End::Signalled;
    outcome_.number = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
    return outcome_;
}

}  // namespace

Result<SupervisedOutcome> run_supervised(const std::vector<std::string>& command,
                                         const std::vector<std::string>& environment, std::uint64_t patience_ms,
                                         const std::stop_token& cancel) {
    if (cancel.stop_requested()) return SupervisedOutcome{End::CalledOff, 0, {}, {}};
    Supervised program = TRY(Supervised::start(command, environment));
    return program.wait(patience_ms, cancel);
}

}  // namespace hvctld
