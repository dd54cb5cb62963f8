// From a domain file's text to a definition that this version can serve. Asks neither hv nor the host.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/errors.hpp"
#include "config/parser.hpp"

namespace hvctld {

struct Validation {
    std::string normalised;  // JSON, see config::normalised()
    std::vector<std::string> warnings;
};

// DefinitionInvalid, with every mistake and its place, a line each.
Result<config::DomainDefinition> read_definition(const std::string& text, const std::string& source,
                                                 std::span<const std::string> overrides,
                                                 const config::DomainDefaults& defaults,
                                                 std::vector<std::string>& warnings);

// NotInThisVersion for what is valid and not there yet.
Result<void> check_served(const config::DomainDefinition& definition);

// Both: a definition that is valid and not served yet gets a warning.
Result<Validation> validate_definition(const std::string& text, const std::string& source,
                                       std::span<const std::string> overrides, const config::DomainDefaults& defaults);

}  // namespace hvctld
