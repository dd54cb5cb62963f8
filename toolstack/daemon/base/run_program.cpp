#include "base/run_program.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "base/files.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

constexpr std::size_t kMostOutput = 4 << 20;
constexpr std::size_t kMostErrors = 16 << 10;
constexpr int kPollMs = 100;

struct Pipe {
    UniqueFd read, write;
};

Result<Pipe> make_pipe() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno(errno, "pipe");
    return Pipe{UniqueFd{ends[0]}, UniqueFd{ends[1]}};
}

class Actions {
  public:
    Actions() { posix_spawn_file_actions_init(&actions_); }
    ~Actions() { posix_spawn_file_actions_destroy(&actions_); }
    Actions(const Actions&) = delete;
    Actions& operator=(const Actions&) = delete;

    posix_spawn_file_actions_t* get() { return &actions_; }

  private:
    posix_spawn_file_actions_t actions_{};
};

// Signals as a program expects them, whatever this process does with its own.
class Attributes {
  public:
    Attributes() {
        posix_spawnattr_init(&attributes_);
        sigset_t all;
        sigfillset(&all);
        sigset_t none;
        sigemptyset(&none);
        posix_spawnattr_setsigdefault(&attributes_, &all);
        posix_spawnattr_setsigmask(&attributes_, &none);
        posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    }
    ~Attributes() { posix_spawnattr_destroy(&attributes_); }
    Attributes(const Attributes&) = delete;
    Attributes& operator=(const Attributes&) = delete;

    const posix_spawnattr_t* get() const { return &attributes_; }

  private:
    posix_spawnattr_t attributes_{};
};

Result<pid_t> start(const std::vector<std::string>& command, const Pipe& output, const Pipe& errors) {
    Actions actions;
    posix_spawn_file_actions_addopen(actions.get(), STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(actions.get(), output.write.get(), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(actions.get(), errors.write.get(), STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(actions.get(), STDERR_FILENO + 1);
    std::vector<char*> arguments;
    // exec's interface is older than const; it changes nothing.
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    std::string path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    std::string locale = "LC_ALL=C";
    const std::array<char*, 3> environment{path.data(), locale.data(), nullptr};
    const Attributes attributes;
    pid_t child = 0;
    const int problem = posix_spawn(&child, command.front().c_str(), actions.get(), attributes.get(), arguments.data(),
                                    environment.data());
    if (problem == 0) return child;
    if (problem == ENOENT) return fail(ErrorId::NotSupported, command.front() + " is not installed");
    return fail_errno(problem, command.front());
}

// Reads what is there; false at its end.
bool take(const UniqueFd& pipe, std::string& text, std::size_t most) {
    std::array<char, 16384> buffer{};
    const ssize_t got = read(pipe.get(), buffer.data(), buffer.size());
    if (got < 0) return errno == EINTR || errno == EAGAIN;
    // What is beyond the most is read and dropped: the program must not wait for a reader.
    text.append(buffer.data(), std::min(static_cast<std::size_t>(got), most - std::min(most, text.size())));
    return got > 0;
}

void read_all(Pipe& output, Pipe& errors, pid_t child, const std::stop_token& cancel, ProgramOutcome& outcome) {
    bool told = false;
    while (output.read || errors.read) {
        std::array<pollfd, 2> watched{pollfd{output.read ? output.read.get() : -1, POLLIN, 0},
                                      pollfd{errors.read ? errors.read.get() : -1, POLLIN, 0}};
        if (cancel.stop_requested() && !told) {
            kill(child, SIGTERM);
            told = true;
        }
        if (poll(watched.data(), watched.size(), kPollMs) <= 0) continue;
        if (watched[0].revents != 0 && !take(output.read, outcome.output, kMostOutput)) output.read = {};
        if (watched[1].revents != 0 && !take(errors.read, outcome.errors, kMostErrors)) errors.read = {};
    }
}

}  // namespace

std::string ProgramOutcome::complaint() const {
    std::string text = errors;
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
    std::ranges::replace(text, '\n', ';');
    std::erase_if(text, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
    text.erase(0, text.find_first_not_of(' '));
    if (!text.empty()) return text;
    return status < 0 ? "a signal has ended it" : fmt::format("exit status {}", status);
}

Result<ProgramOutcome> run_program(const std::vector<std::string>& command, const std::stop_token& cancel) {
    Pipe output = TRY(make_pipe());
    Pipe errors = TRY(make_pipe());
    const pid_t child = TRY(start(command, output, errors));
    output.write = {};
    errors.write = {};
    ProgramOutcome outcome;
    read_all(output, errors, child, cancel, outcome);
    int status = 0;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) return fail_errno(errno, command.front());
    }
    outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return outcome;
}

}  // namespace hvctld
