// What systemd is told, and the watchdog.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/loop.hpp"

namespace hvctld::host {

void notify_ready(const std::string& status);
void notify_status(const std::string& status);
void notify_stopping();
// The start takes longer, for that reason, and is not to be given up because of it.
void notify_waiting(const std::string& reason);

// Feeds systemd's watchdog as long as `probe` succeeds. Null when the unit has no watchdog.
std::unique_ptr<Timer> start_watchdog(Loop& loop, std::function<Result<void>()> probe);

}  // namespace hvctld::host
