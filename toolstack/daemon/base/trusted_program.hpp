// Whether only root may change a program: one that root runs must not be writable for any other user.
#pragma once

#include <string>

#include "base/errors.hpp"

namespace hvctld {

// `path` leads, without symbolic links, to a regular file that can be executed; that and all folders on the way belong
// to root, and no other user may write to them. The error says which of it is not so, and what to do.
Result<void> check_trusted_program(const std::string& path);

}  // namespace hvctld
