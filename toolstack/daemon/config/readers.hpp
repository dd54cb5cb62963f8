// Maps that both domain files and the host's settings contain.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "config/definition.hpp"
#include "config/map_reader.hpp"

namespace hvctld::config {

void read_action(MapReader& reader, std::string_view key, EndAction& action);
void read_restart(MapReader& reader, RestartLimit& limit, Diagnostics& diagnostics);
void read_quotas(MapReader& reader, std::vector<std::pair<std::string, std::uint32_t>>& quotas,
                 Diagnostics& diagnostics);

}  // namespace hvctld::config
