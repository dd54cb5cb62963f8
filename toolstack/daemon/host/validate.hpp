// hvctld --validate: the check of domain files as a program, for those who may not or cannot ask a running hvctld.
#pragma once

#include <string>

namespace hvctld::host {

// Checks the domain file `path` ("-": standard input), called `name` in messages. A valid one: its definition in JSON
// on standard output, a line "warning: ..." for each warning on standard error, and 0. Otherwise: what is wrong on
// standard error, and 1. `settings` is the host's settings file, for the defaults in it.
int validate(const std::string& path, const std::string& name, const std::string& settings);

}  // namespace hvctld::host
