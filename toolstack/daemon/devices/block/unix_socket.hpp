// A stream connection to a server in Dom0, by its path.
#pragma once

#include <string>

#include "base/files.hpp"

namespace hvctld {

// Each read and write of it waits for a second at most, and says then that it would wait for longer.
Result<UniqueFd> connect_unix(const std::string& path);
// Who is given it waits for as long as it takes.
void wait_for_ever(int socket);

// What somebody says who is not trusted, fit for a line of a log or a terminal.
std::string printable(const std::string& text);

}  // namespace hvctld
