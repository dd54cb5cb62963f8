// What a definition says of a guest's share of the CPUs, told to hv.
#pragma once

#include "config/definition.hpp"
#include "hypervisor/hypervisor.hpp"

namespace hvctld {

Result<void> apply_scheduling(Hypervisor& hypervisor, DomainId domain, const config::DomainDefinition& definition);

}  // namespace hvctld
