// A guest's I/O privilege level, which is hv's to keep: the processor's own is always 0. A kernel sets it
// with PHYSDEVOP_set_iopl and is thought of as ring 1; with the VM assist "architectural IOPL" it is ring 0,
// and finds and sets the level in the flags of its frames. Below that level single ports are open by a
// bitmap as in a TSS, PHYSDEVOP_set_iobitmap.
#pragma once

#include <cstdint>

#include "hv/domain/domain.hpp"

namespace hv::x86 {

inline bool has_architectural_iopl(const Domain& domain) {
    return (domain.vm_assist.load(std::memory_order_relaxed) >>
            static_cast<unsigned>(abi::xen::VmAssistType::ArchitecturalIopl)) &
           1;
}

void set_iopl(Vcpu& vcpu, std::uint32_t iopl);
// May the code that runs on the vCPU do any I/O and change the interrupt flag?
bool iopl_allows_io(const Vcpu& vcpu);
// May the code that runs on the current vCPU use these ports?
bool ports_allowed(Vcpu& vcpu, std::uint16_t port, unsigned bytes);

}  // namespace hv::x86
