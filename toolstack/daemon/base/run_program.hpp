// Programs of the host, run to their end: no shell, no search for them, no descriptor but the standard ones.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "base/errors.hpp"

namespace hvctld {

struct ProgramOutcome {
    int status = 0;      // of its exit; -1: a signal has ended it
    std::string output;  // the beginning of it, as much as is kept
    std::string errors;

    // What it said of its failure, in one line.
    [[nodiscard]] std::string complaint() const;
};

// `command` begins with an absolute path. Its environment is a C locale and the usual path. Waits for the end: for a
// thread that may. When `cancel` comes the program is told to end (SIGTERM), and waited for. NotSupported when it is
// not installed.
Result<ProgramOutcome> run_program(const std::vector<std::string>& command, const std::stop_token& cancel = {});

}  // namespace hvctld
