// Whether a program is the administrator's alone: what root runs must not be anybody else's to change.
#pragma once

#include <string>

#include "base/errors.hpp"

namespace hvctld {

// `path` leads, without symbolic links, to a regular file that can be executed; that and all folders on the way belong
// to root, and nobody else may write to them. The error says which of it is not so, and what to do.
Result<void> check_trusted_program(const std::string& path);

}  // namespace hvctld
