// What a PV guest finds when it starts: start info and vCPU 0's registers, as bytes of Xen's public structures.
#pragma once

#include "hv/abi/xen/start_info.hpp"
#include "hv/abi/xen/vcpu_state.hpp"
#include "hvctl/domain_memory.hpp"
#include "hvctl/pv_builder.hpp"

namespace hvctl {

// `shared_info` is the machine frame of the domain's shared page.
hv::abi::xen::StartInfo make_start_info(const PvSpec& spec, const PvLayout& layout, const PvRings& rings,
                                        Mfn shared_info);

// `memory` translates the top table's pfn.
hv::abi::xen::VcpuGuestContext make_boot_context(const PvLayout& layout, const DomainMemory& memory);

}  // namespace hvctl
