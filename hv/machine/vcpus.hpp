// What a vCPU of any kind of guest has of the processor.
#pragma once

#include "hv/base/result.hpp"
#include "hv/base/types.hpp"

namespace hv {

class Domain;
class Vcpu;

// No CPU is on the page tables of the domain any more, whose vCPUs do not run.
void leave_address_spaces(Domain& domain);

// A second place where the vCPU's clock is kept (VCPUOP_register_vcpu_time_memory_area); 0 ends it. Fault: the guest
// may not name it.
Result<> register_time_area(Vcpu& vcpu, GuestVirtual area);
// Delivers an NMI when the vCPU enters its kernel next; wakes it.
void send_nmi(Vcpu& vcpu);
// It has been sent one that its kernel has not been entered for.
bool nmi_pending(const Vcpu& vcpu);

}  // namespace hv
