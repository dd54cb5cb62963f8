// Runs the real hvctl as a process.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace hvctl::cli::test {

class FakeDaemon;

struct Outcome {
    int code = -1;  // 128 + n when a signal ended it
    std::string out;
    std::string err;
};

struct Invocation {
    std::vector<std::string> arguments;
    std::string input;                               // standard input, then its end
    std::map<std::string, std::string> environment;  // beside PATH, TERM=dumb, TZ=UTC and HVCTLD
};

Outcome run_hvctl(const Invocation& run);

// What a shell's pipes and redirections make of `commands`, in which hvctl is the real one:
// all that is left on standard output.
std::string said_by_shell(const FakeDaemon& daemon, const std::string& commands);

// For a child between fork and exec: replaces it by hvctl.
[[noreturn]] void exec_hvctl(const Invocation& run);

int exit_code_of_status(int status);

}  // namespace hvctl::cli::test
