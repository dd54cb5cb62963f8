// The first words with an NBD server (doc/proto.md of the NBD project), as the client's side: after them the connection
// is the kernel's, which speaks the rest.
#pragma once

#include <cstdint>
#include <string>

#include "base/errors.hpp"

namespace hvctld {

struct NbdExport {
    std::uint64_t bytes = 0;
    std::uint16_t flags = 0;  // the protocol's transmission flags
};

// Asks the server on the connected socket (see connect_unix()) for an export. Waits some seconds for its answer.
// BackendFailed.
Result<NbdExport> open_nbd_export(int socket, const std::string& name);

}  // namespace hvctld
