// Whether the host has what a definition asks for, as far as hv says so at once: CPUs and memory.
#pragma once

#include "config/definition.hpp"
#include "domain/context.hpp"

namespace hvctld {

Result<void> check_host(const Context& context, const config::DomainDefinition& definition);

}  // namespace hvctld
