// The ring over which Dom0's own kernel talks to the store daemon.
#pragma once

#include "hvctl/file_descriptor.hpp"
#include "hvctl/types.hpp"

namespace hvctl {

struct LocalStoreRing {
    Mapping page;    // xenstore_domain_interface
    EventPort port;  // the kernel's port: bind_interdomain(kDomainSelf or Dom0's id, port)
};

// Maps the ring through /dev/xen/xenbus_backend. NotOnHv and NotRoot as open_hypercall_port(); NotSupported when this
// kernel's store is served by another program.
Result<LocalStoreRing> open_local_store_ring();

}  // namespace hvctl
