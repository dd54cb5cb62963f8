// Domains that start with the host.
#pragma once

#include <string>

#include "domain/definitions.hpp"

namespace hvctld {

// Once per boot of the host: creates every domain with autostart that does not run, from the files of `folder` and from
// the registry. While the registry cannot be written they wait, and the boot's autostart is not over.
void autostart(Context& context, Domains& domains, Definitions& definitions, Starts& starts, const std::string& folder);

}  // namespace hvctld
