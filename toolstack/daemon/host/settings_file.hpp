// The host's settings, from their file.
#pragma once

#include <string>

#include "base/errors.hpp"
#include "config/settings.hpp"

namespace hvctld::host {

// The defaults when there is no such file; DefinitionInvalid with every mistake and its place.
Result<config::Settings> read_settings(const std::string& path);

}  // namespace hvctld::host
