// The host's settings, from their file.
#pragma once

#include <string>

#include "base/errors.hpp"
#include "config/settings.hpp"

namespace hvctld::host {

// The defaults when there is no such file; DefinitionInvalid with every mistake and its place.
Result<config::Settings> read_settings(const std::string& path);

struct SettingsInForce {
    config::Settings settings;
    std::string trouble;  // why they are not what the file says now
};
// The same, and a copy of the file in `copy`, which lasts until the host ends. Where the file has mistakes, or cannot
// be read, and there is such a copy: the settings of the daemon's last start, so that a mistake in a file does not keep
// the daemon from starting, while guests need their store and their consoles, and may have to be ended.
Result<SettingsInForce> settings_in_force(const std::string& path, const std::string& copy);

}  // namespace hvctld::host
