// The kernel's device nodes under /dev/xen: opening them, and telling why they cannot be opened.
#pragma once

#include "hvctl/file_descriptor.hpp"

namespace hvctl {

// Opens /dev/xen/<name> read-write. NotOnHv, NotRoot or NotSupported, with what to do about it.
Result<UniqueFd> open_xen_device(const char* name, int extra_flags = 0);

}  // namespace hvctl
