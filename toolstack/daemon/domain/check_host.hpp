// Whether the host has what a definition asks for, as far as hv says so at once: CPUs and memory.
#pragma once

#include "config/definition.hpp"
#include "domain/context.hpp"

namespace hvctld {

// NoCpu, with the sum, when this one's vCPUs and all guests' are more than the host's settings allow. Again when the
// domain is made: others may have been made meanwhile.
Result<void> check_vcpus(const Context& context, const config::DomainDefinition& definition);
Result<void> check_host(const Context& context, const config::DomainDefinition& definition);

}  // namespace hvctld
