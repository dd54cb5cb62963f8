// QEMU's control protocol (docs/interop/qmp-spec.txt): one command on a connection of its own.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/errors.hpp"

namespace hvctld {

// Waits for the answer, a few seconds at most. BackendFailed, with what QEMU says.
Result<void> qmp_command(const std::string& socket_path, const std::string& command, const nlohmann::json& arguments);

}  // namespace hvctld
