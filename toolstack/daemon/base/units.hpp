// Services of systemd, asked for on the system bus. Each call waits for systemd's answer: for a thread that may.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/errors.hpp"

namespace hvctld {

// As systemd-escape(1) has it.
std::string escape_unit_name(const std::string& text);

// Has systemd begin to; that a service ends again is in its own log.
Result<void> start_unit(const std::string& unit);
Result<void> restart_unit(const std::string& unit);
// Waits until it runs, or is over; BackendFailed when it does not, or is not.
Result<void> run_unit(const std::string& unit);
Result<void> stop_unit(const std::string& unit);
// Has systemd begin to; also where it does not run.
Result<void> ask_unit_to_stop(const std::string& unit);
// Its main process; 0: it has none.
Result<pid_t> unit_process(const std::string& unit);
// Whether it runs, or has begun to.
Result<bool> unit_runs(const std::string& unit);
// To its main process; nothing where the service does not run.
Result<void> signal_unit(const std::string& unit, int signal);

}  // namespace hvctld
