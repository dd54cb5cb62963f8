// What a domain's disks may do in a second: as files have it, and as an administrator changes it while the domain is
// there.
#pragma once

#include <string>
#include <string_view>

#include "config/definition.hpp"
#include "config/diagnostics.hpp"
#include "config/map_reader.hpp"

namespace hvctld::config {

// The key disk_limits, a map of iops, bandwidth and burst.
void read_disk_limits(MapReader& reader, DiskLimits& limits, Diagnostics& diagnostics);

// The same keys of a map, each of which may be none, too. False, and nothing of `limits` changed, where something is
// wrong.
bool parse_disk_limit_change(std::string_view text, const std::string& source, DiskLimits& limits,
                             Diagnostics& diagnostics);

// "100MiB/s"
std::string format_bandwidth(std::uint64_t bytes);

}  // namespace hvctld::config
