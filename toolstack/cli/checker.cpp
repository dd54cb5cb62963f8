#include "checker.hpp"

#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "text.hpp"

namespace hvctl::cli {
namespace {

constexpr int kInvalid = 1;  // hvctld(8): the exit code for a file that is not valid
constexpr std::string_view kWarning = "warning: ";

// A standard stream of the program. A file in memory takes any amount, so that neither side waits for the other.
class Stream {
  public:
    explicit Stream(const char* name) : descriptor_(memfd_create(name, MFD_CLOEXEC)) {}
    ~Stream() {
        if (descriptor_ >= 0) close(descriptor_);
    }
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    int descriptor() const { return descriptor_; }

    bool fill(std::string_view text) const {
        while (!text.empty()) {
            const ssize_t written = write(descriptor_, text.data(), text.size());
            if (written < 0 && errno != EINTR) return false;
            if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
        }
        return lseek(descriptor_, 0, SEEK_SET) == 0;
    }

    std::string content() const {
        std::string text;
        std::array<char, 16384> buffer{};
        lseek(descriptor_, 0, SEEK_SET);
        ssize_t got = 0;
        while ((got = read(descriptor_, buffer.data(), buffer.size())) > 0)
            text.append(buffer.data(), static_cast<std::size_t>(got));
        while (text.ends_with('\n')) text.pop_back();
        return text;
    }

  private:
    int descriptor_;
};

std::unexpected<Failure> cannot_run(const std::string& program, int error) {
    std::string message = "cannot run " + program + " to check the file: " + std::strerror(error);
    if (error == ENOENT) message += "\nIt is part of the package hvctl; install that again.";
    return fail(ExitCode::Failed, message);
}

// The exit code, or -1 when a signal ended it.
Result<int> run(const std::string& program, const std::string& name, const std::array<const Stream*, 3>& streams) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    for (std::size_t number = 0; number < streams.size(); ++number)
        posix_spawn_file_actions_adddup2(&actions, streams[number]->descriptor(), static_cast<int>(number));
    std::array<std::string, 4> words = {program, "--validate", "-", name};
    std::array<char*, 5> arguments = {words[0].data(), words[1].data(), words[2].data(), words[3].data(), nullptr};
    pid_t child = -1;
    const int error = posix_spawn(&child, program.c_str(), &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) return cannot_run(program, error);
    int status = 0;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) return cannot_run(program, errno);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

std::string checker_program() {
    const char* named = std::getenv("HVCTLD");
    return named != nullptr && *named != '\0' ? named : HVCTLD_PROGRAM;
}

Result<Validated> check_with(const std::string& program, const Definition& definition) {
    const Stream in("definition"), out("normalised"), err("messages");
    if (in.descriptor() < 0 || out.descriptor() < 0 || err.descriptor() < 0 || !in.fill(definition.text))
        return cannot_run(program, errno);
    const int code = TRY(run(program, definition.source, {&in, &out, &err}));
    const std::string messages = err.content();
    if (code == kInvalid) return fail(ExitCode::Usage, messages);
    if (code != 0) {
        return fail(ExitCode::Failed, "checking " + definition.source + " failed" +
                                          (messages.empty() ? "" : ": " + messages) + "\nThe program is " + program +
                                          "; is it of another version than hvctl?");
    }
    Validated validated{out.content(), {}};
    for (const std::string& line : split_lines(messages))
        validated.warnings.push_back(line.starts_with(kWarning) ? line.substr(kWarning.size()) : line);
    return validated;
}

}  // namespace hvctl::cli
