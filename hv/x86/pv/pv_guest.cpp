#include "hv/x86/pv/pv_guest.hpp"

#include "hv/x86/pv/mmu/table_measures.hpp"
#include "hv/x86/vcpu/arch_vcpu.hpp"

namespace hv::x86 {

Result<> PvGuest::create_domain(Domain& domain) const {
    TRY(GuestKind::create_domain(domain));
    const TableMeasures measures = table_measures(domain);
    domain.arch->isolated = measures.isolated;
    domain.arch->harmless_absent = measures.harmless_absent;
    return {};
}

bool PvGuest::in_kernel(const Vcpu& vcpu) const {
    return vcpu.arch->kernel_mode;
}

}  // namespace hv::x86
