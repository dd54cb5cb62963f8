// A stream connection to a server in Dom0, by its path.
#pragma once

#include <string>

#include "base/files.hpp"

namespace hvctld {

// Each read and write of it waits for a second at most, and says then that it would wait for longer.
Result<UniqueFd> connect_unix(const std::string& path);
// Reads and writes of it wait for as long as it takes from here on.
void wait_for_ever(int socket);

// Text from a process that is not trusted, fit for a line of a log or a terminal.
std::string printable(const std::string& text);

}  // namespace hvctld
