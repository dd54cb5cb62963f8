// The host's folder of core files for which no path was given: NAME-YYYYMMDDTHHMMSSZ.core, the newest few of each
// domain. All of it but dump_path() waits for the disk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/errors.hpp"

namespace hvctld {

std::string dump_path(const std::string& folder, const std::string& domain, std::uint64_t realtime_us);
// Makes it, for the daemon's user alone; where it really is.
Result<std::string> prepare_dump_folder(const std::string& folder);
// Removes all files of the domain but `keep`: `latest`, a path in the folder, and the newest ones beside it. By their
// names others may be newer: the host's clock may have been set back.
void trim_dumps(const std::string& folder, const std::string& domain, const std::string& latest, std::size_t keep);

}  // namespace hvctld
