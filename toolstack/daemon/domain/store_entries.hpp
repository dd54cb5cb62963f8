// What a domain finds in the store, and Dom0's own part of it.
#pragma once

#include <string>

#include "base/errors.hpp"
#include "config/definition.hpp"
#include "registry/registry.hpp"
#include "store/store.hpp"

namespace hvctld {

// /local/domain/0, /vm and /tool, where they are missing.
Result<void> write_host_entries(store::Store& store);
// Dom0's memory and its maximum, in bytes. A target that is there already was set by an administrator or another tool,
// and stays.
Result<void> write_host_memory(store::Store& store, std::uint64_t memory, std::uint64_t max_memory);

// /local/domain/<domid> and /vm/<uuid>, as the PV drivers of guests expect them, in one transaction.
Result<void> write_domain_entries(store::Store& store, const config::DomainDefinition& definition,
                                  const Instance& instance);
// Of a domain that is kept although its guest has ended: for people and tools, not for the guest.
Result<void> write_kept_entries(store::Store& store, std::uint16_t domid, const std::string& name,
                                const std::string& uuid);
// Takes either away again; fine when they are not there.
void remove_domain_entries(store::Store& store, std::uint16_t domid, const std::string& uuid);

std::string domain_path(std::uint16_t domid);

}  // namespace hvctld
