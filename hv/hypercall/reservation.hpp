// Growing, shrinking and exchanging a domain's memory.
#pragma once

#include "hv/abi/xen/memory.hpp"
#include "hv/hypercall/hypercall.hpp"

namespace hv {

// XENMEM_increase_reservation, decrease_reservation and populate_physmap: the result is the number of extents done, also
// when the next one failed.
HypercallResult change_reservation(abi::xen::MemoryCommand command, HypercallArguments& arguments);
// XENMEM_exchange.
HypercallResult exchange_memory(HypercallArguments& arguments);

}  // namespace hv
