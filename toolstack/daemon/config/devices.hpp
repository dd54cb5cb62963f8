// Disks and network interfaces of a domain file.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/definition.hpp"
#include "config/map_reader.hpp"

namespace hvctld::config {

inline constexpr std::size_t kMostDevices = 128;  // of a kind, of a domain

void read_devices(MapReader& reader, DomainDefinition& definition, Diagnostics& diagnostics);

// One disk, as a list of disks has it, for a domain that has `others`. Its target may be left out, and is empty then.
std::optional<DiskDefinition> parse_disk(std::string_view text, const std::string& source,
                                         const std::vector<DiskDefinition>& others, Diagnostics& diagnostics);

}  // namespace hvctld::config
