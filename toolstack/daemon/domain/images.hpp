// The files that a guest is started from. Everything here blocks, decompresses and may take seconds: for the thread
// pool.
#pragma once

#include "config/definition.hpp"
#include "hypervisor/hypervisor.hpp"

namespace hvctld {

// Whether they are there and may be read.
Result<void> check_files(const config::DomainDefinition& definition);

Result<hvctl::KernelImage> load_kernel(Hypervisor& hypervisor, const config::DomainDefinition& definition);

// Empty without an initrd.
Result<hvctl::Mapping> load_initrd(const config::DomainDefinition& definition);

// What the build of this definition is made from; the initrd must outlive it.
hvctl::PvSpec pv_spec(const config::DomainDefinition& definition, DomainId domain, const hvctl::Mapping& initrd);

// Whether a start would get as far as hv: the same files are read and checked in the same way, and nothing is made.
Result<void> check_images(Hypervisor& hypervisor, const config::DomainDefinition& definition);

}  // namespace hvctld
