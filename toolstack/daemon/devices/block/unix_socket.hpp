// A stream connection to a server in Dom0, by its path.
#pragma once

#include <string>

#include "base/files.hpp"

namespace hvctld {

// Each read and write of it waits for `seconds` at most; 0: for ever.
Result<UniqueFd> connect_unix(const std::string& path, int seconds);
void wait_at_most(int socket, int seconds);

}  // namespace hvctld
