// What a definition says of a guest's share of the CPUs, told to hv.
#pragma once

#include "config/definition.hpp"
#include "domain/context.hpp"

namespace hvctld {

// Of a bitmap of `cpus` bits.
config::CpuList cpus_in(const hvctl::CpuBitmap& bitmap, std::uint32_t cpus);

// NoSuchPool; NoCpu for a pool without a CPU that the host has.
Result<void> check_pool(const Context& context, const config::DomainDefinition& definition);
// NoCpu, with the sum, when `definition` wants more reserved than the others of its pool leave.
Result<void> check_reservation(const Context& context, DomainId domain, const config::DomainDefinition& definition);
// Weight, cap and reservation. NoCpu as above.
Result<void> apply_shares(const Context& context, DomainId domain, const config::DomainDefinition& definition);
// Where its vCPUs (all of its max_vcpus) may run, and where they would rather: within its pool.
Result<void> apply_affinity(const Context& context, DomainId domain, const config::DomainDefinition& definition);
// The same for what is changed from `before` to `after`: all of it, or nothing.
Result<void> change_affinity(const Context& context, DomainId domain, const config::DomainDefinition& before,
                             const config::DomainDefinition& after);
// What hv has of it, into a definition that has been made without: shares, and a list for each of its max_vcpus where
// one of them may not run in all of the pool.
void take_from_hv(const Context& context, DomainId domain, config::DomainDefinition& definition);
// All of it.
Result<void> apply_scheduling(const Context& context, DomainId domain, const config::DomainDefinition& definition);

}  // namespace hvctld
