// What a definition says of a guest's share of the CPUs, told to hv.
#pragma once

#include "config/definition.hpp"
#include "domain/context.hpp"

namespace hvctld {

// NoSuchPool; NoCpu for a pool without a CPU that the host has.
Result<void> check_pool(const Context& context, const config::DomainDefinition& definition);
// NoCpu, with the sum, when `definition` wants more reserved than the others of its pool leave.
Result<void> check_reservation(const Context& context, DomainId domain, const config::DomainDefinition& definition);
// Weight, cap and reservation. NoCpu as above.
Result<void> apply_shares(const Context& context, DomainId domain, const config::DomainDefinition& definition);
// Where its vCPUs (all of its max_vcpus) may run, and where they would rather: within its pool.
Result<void> apply_affinity(const Context& context, DomainId domain, const config::DomainDefinition& definition);
// All of it.
Result<void> apply_scheduling(const Context& context, DomainId domain, const config::DomainDefinition& definition);

}  // namespace hvctld
