// Growing, shrinking and exchanging a domain's memory.
#pragma once

#include "hv/abi/xen/memory.hpp"
#include "hv/domain/domain.hpp"
#include "hv/hypercall/hypercall.hpp"

namespace hv {

// The largest extents, by order. One of them is allocated, cleared, given or taken without a look at
// whether the CPU is needed for anything else: 2 MiB, and what the buffers of Dom0's drivers are at most.
// A caller that wants more than there is asks for less.
inline constexpr unsigned kMaxGuestOrder = 9;
inline constexpr unsigned kMaxPrivilegedOrder = 10;
inline unsigned max_extent_order(const Domain& caller) {
    return caller.privileged ? kMaxPrivilegedOrder : kMaxGuestOrder;
}

// XENMEM_increase_reservation, decrease_reservation and populate_physmap: the result is the number of
// extents done, also when the next one failed.
HypercallResult change_reservation(abi::xen::MemoryCommand command, HypercallArguments& arguments);
// XENMEM_exchange.
HypercallResult exchange_memory(HypercallArguments& arguments);

}  // namespace hv
