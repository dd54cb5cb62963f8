// The program that an administrator has for network interfaces, as it is run: arguments, environment, and what becomes
// of what it says (hvctl.yaml(5) promises all of it).
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "devices/network/network_host.hpp"

namespace hvctld {

inline constexpr std::uint64_t kHookPatienceMs = 30'000;

// All that it has of an environment.
std::vector<std::string> hook_environment(const HookRun& run);

// Runs it, without a look at who may write to it (see trusted_program.hpp), and waits for its end: for a thread that
// may. What it prints is logged; HookFailed with the end of what it said on stderr.
Result<void> run_nic_hook(const HookRun& run, std::uint64_t patience_ms, const std::stop_token& cancel);

}  // namespace hvctld
