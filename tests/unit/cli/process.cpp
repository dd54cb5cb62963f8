#include "process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <thread>

#include "fake_daemon.hpp"

namespace hvctl::cli::test {
namespace {

struct Pipe {
    int read_end = -1, write_end = -1;
    Pipe() {
        std::array<int, 2> ends{};
        if (pipe2(ends.data(), O_CLOEXEC) == 0) {
            read_end = ends[0];
            write_end = ends[1];
        }
    }
};

std::string read_to_end(int descriptor) {
    std::string text;
    std::array<char, 4096> buffer{};
    ssize_t got = 0;
    while ((got = read(descriptor, buffer.data(), buffer.size())) > 0)
        text.append(buffer.data(), static_cast<std::size_t>(got));
    close(descriptor);
    return text;
}

}  // namespace

int exit_code_of_status(int status) {
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void exec_hvctl(const Invocation& run) {
    std::map<std::string, std::string> environment = {
        {"PATH", "/usr/bin:/bin"}, {"TERM", "dumb"}, {"TZ", "UTC"}, {"HVCTLD", HVCTLD_BINARY}};
    for (const auto& [name, value] : run.environment) environment[name] = value;
    std::vector<std::string> assignments;
    for (const auto& [name, value] : environment) assignments.push_back(name + '=' + value);
    std::vector<char*> variables, words;
    for (std::string& text : assignments) variables.push_back(text.data());
    variables.push_back(nullptr);
    std::vector<std::string> arguments = {"hvctl"};
    arguments.insert(arguments.end(), run.arguments.begin(), run.arguments.end());
    for (std::string& text : arguments) words.push_back(text.data());
    words.push_back(nullptr);
    execve(HVCTL_BINARY, words.data(), variables.data());
    _exit(127);
}

Outcome run_hvctl(const Invocation& run) {
    Pipe in, out, err;
    pid_t child = fork();
    if (child == 0) {
        dup2(in.read_end, STDIN_FILENO);
        dup2(out.write_end, STDOUT_FILENO);
        dup2(err.write_end, STDERR_FILENO);
        exec_hvctl(run);
    }
    close(in.read_end);
    close(out.write_end);
    close(err.write_end);
    signal(SIGPIPE, SIG_IGN);
    std::string errors;
    std::jthread collector([&] { errors = read_to_end(err.read_end); });
    std::jthread feeder([&] {
        for (std::size_t sent = 0; sent < run.input.size();) {
            ssize_t count = write(in.write_end, run.input.data() + sent, run.input.size() - sent);
            if (count <= 0) break;
            sent += static_cast<std::size_t>(count);
        }
        close(in.write_end);
    });
    Outcome outcome;
    outcome.out = read_to_end(out.read_end);
    collector.join();
    int status = 0;
    waitpid(child, &status, 0);
    outcome.code = exit_code_of_status(status);
    outcome.err = std::move(errors);
    return outcome;
}

std::string said_by_shell(const FakeDaemon& daemon, const std::string& commands) {
    const std::string script = (daemon.directory() / "script").string();
    std::ofstream(script) << "export HVCTL_BUS='" << daemon.address() << "'\nhvctl() { '" HVCTL_BINARY "' \"$@\"; }\n"
                          << commands << '\n';
    std::string said;
    FILE* shell = popen(("/bin/bash " + script).c_str(), "r");
    if (shell == nullptr) return "no shell";
    for (int c = 0; (c = std::fgetc(shell)) != EOF;) said += static_cast<char>(c);
    pclose(shell);
    return said;
}

}  // namespace hvctl::cli::test
