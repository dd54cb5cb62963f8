// The files that a guest is started from. Everything here blocks, decompresses and may take seconds: for the thread
// pool.
#pragma once

#include <cstdint>

#include "config/definition.hpp"
#include "hypervisor/hypervisor.hpp"

namespace hvctld {

// What reading a guest's files may take of Dom0's memory: what is available but for a reserve.
std::uint64_t room_in_dom0();

// Whether they are there and can be read. They are read through, and are in the page cache afterwards, so that loading
// them does not wait for their disk. May never return when that disk does not answer. NoMemory: one is larger than
// `room`, bytes of Dom0's memory, which it would be read into.
Result<void> check_files(const config::DomainDefinition& definition, std::uint64_t room = room_in_dom0());

Result<hvctl::KernelImage> load_kernel(Hypervisor& hypervisor, const config::DomainDefinition& definition);

// Empty without an initrd.
Result<hvctl::Mapping> load_initrd(const config::DomainDefinition& definition);

// What the build of this definition is made from; the initrd must outlive it.
hvctl::PvSpec pv_spec(const config::DomainDefinition& definition, DomainId domain, const hvctl::Mapping& initrd);

}  // namespace hvctld
