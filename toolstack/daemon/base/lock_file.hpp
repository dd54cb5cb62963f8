// One process at a time.
#pragma once

#include <string>

#include "base/errors.hpp"
#include "base/files.hpp"

namespace hvctld {

// Takes the lock that `path` stands for, as long as the descriptor is open, which ends with the process at the latest.
// Busy, with the other's number, when another process has it.
Result<UniqueFd> take_lock(const std::string& path);

}  // namespace hvctld
