// A lock that a process holds as long as it lives, whatever ends it.
#pragma once

#include <functional>
#include <string>

#include "base/files.hpp"

namespace hvctld {

// Held until the descriptor is closed. Error Busy: another process has it; the message names that one.
Result<UniqueFd> take_lock(const std::string& path);

// As take_lock(), but a holder that has been killed is waited for: one that is in the middle of a call
// to a disk that does not answer keeps what it has until that call returns. `waiting` is called again
// and again meanwhile, with what is waited for.
Result<UniqueFd> take_lock_of_the_living(const std::string& path,
                                         const std::function<void(const std::string&)>& waiting);

}  // namespace hvctld
