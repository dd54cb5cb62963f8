// What vCPU operations need from the processor. Implemented by x86/ and by the tests.
#pragma once

#include <cstdint>

#include "hv/base/result.hpp"
#include "hv/base/types.hpp"

namespace hv {

class Vcpu;

// A second place where the vCPU's clock is kept
// (VCPUOP_register_vcpu_time_memory_area); 0 ends it. Fault: not writable.
Result<> arch_register_time_area(Vcpu& vcpu, GuestVirtual area);
// Delivers an NMI when the vCPU enters its kernel next; wakes it.
void arch_send_nmi(Vcpu& vcpu);

}  // namespace hv
