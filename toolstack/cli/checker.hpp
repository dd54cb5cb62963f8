// The check of domain files as a program of hvctld's package: it needs neither root nor a running hvctld nor hv.
#pragma once

#include "bus/manager.hpp"

namespace hvctl::cli {

// Runs `program` (hvctld --validate) over the definition; its overrides are not looked at.
Result<Validated> check_with(const std::string& program, const Definition& definition);

// The program that this hvctl belongs to, or the environment's HVCTLD.
std::string checker_program();

}  // namespace hvctl::cli
