// Page-table hypercalls of PV guests.
#pragma once

#include "hv/hypercall/hypercall.hpp"

namespace hv {
class Domain;
}

namespace hv::x86 {

HypercallResult do_mmu_update(HypercallArguments& arguments);
HypercallResult do_mmuext_op(HypercallArguments& arguments);
HypercallResult do_update_va_mapping(HypercallArguments& arguments);
HypercallResult do_update_va_mapping_otherdomain(HypercallArguments& arguments);

// Whose frames may the caller map when it names `foreign`? Its own; I/O memory, hv's shared pages and other domains'
// only when it is privileged. Error::NotPermitted or NoDomain.
Result<DomainId> frame_owner_for(std::uint16_t foreign);

}  // namespace hv::x86
