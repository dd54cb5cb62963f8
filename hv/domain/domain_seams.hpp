// What domains need from the processor.
#pragma once

#include "hv/abi/xen/vcpu_state.hpp"
#include "hv/base/result.hpp"

namespace hv {

class Domain;
class FrameAudit;
class Vcpu;

Result<> arch_create_domain(Domain& domain);
void arch_destroy_domain(Domain& domain);
Result<> arch_create_vcpu(Vcpu& vcpu);
void arch_destroy_vcpu(Vcpu& vcpu);

// The domain is dying and none of its vCPUs runs: gives up page tables, descriptor tables and whatever else
// refers to its frames. Error::Restart: call again.
Result<> arch_relinquish_vcpu(Vcpu& vcpu);
void arch_leave_domain(Domain& domain);  // no CPU uses its address spaces any more

// Gives a vCPU that has none its registers; everything is checked as the guest's own hypercalls would check it.
Result<> arch_set_vcpu_context(Vcpu& vcpu, const abi::xen::VcpuGuestContext& context);
void arch_get_vcpu_context(Vcpu& vcpu, abi::xen::VcpuGuestContext& context);

// The references that the processor's side of the domain holds (hv/domain/audit.hpp).
void arch_audit_domain(FrameAudit& audit, const Domain& domain);

}  // namespace hv
