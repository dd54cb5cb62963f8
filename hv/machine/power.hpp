// The machine's end.
#pragma once

#include <cstdint>

namespace hv {

// Dom0 has ended; powers the machine off or reboots it, as the reason (abi SHUTDOWN_*) says. May return when another
// CPU does that.
void privileged_domain_stopped(std::uint32_t reason);

}  // namespace hv
