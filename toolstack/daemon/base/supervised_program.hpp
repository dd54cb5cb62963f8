// Runs a program of the administrator's, which may do anything but run for ever: it has a time to end in, is killed
// with its process group when that is over, and dies when this process does.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "base/errors.hpp"

namespace hvctld {

struct SupervisedOutcome {
    enum class End : std::uint8_t { Exited, Signalled, TimedOut, CalledOff };
    End end = End::Exited;
    int number = 0;      // exit status or signal
    std::string output;  // the last of it, as much as is kept
    std::string errors;
};

// `command` begins with an absolute path; `environment` is all that the program has of one. Waits for its end, and for
// nothing that it leaves in the background: for a thread that may. Where it has not ended within `patience_ms`, or when
// `cancel` comes, its process group is killed. An error when it cannot be run, or cannot be killed.
Result<SupervisedOutcome> run_supervised(const std::vector<std::string>& command,
                                         const std::vector<std::string>& environment, std::uint64_t patience_ms,
                                         const std::stop_token& cancel);

}  // namespace hvctld
