// Disks and network interfaces of a domain file.
#pragma once

#include "config/definition.hpp"
#include "config/map_reader.hpp"

namespace hvctld::config {

void read_devices(MapReader& reader, DomainDefinition& definition, Diagnostics& diagnostics);

}  // namespace hvctld::config
