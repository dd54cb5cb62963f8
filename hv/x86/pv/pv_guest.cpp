#include "hv/x86/pv/pv_guest.hpp"

#include "hv/x86/pv/mmu/table_measures.hpp"
#include "hv/x86/vcpu/arch_vcpu.hpp"

namespace hv::x86 {

Result<> PvGuest::create_domain(Domain& domain) const {
    TRY(make_domain<ArchDomain>(domain));
    const TableMeasures measures = table_measures(domain);
    domain.arch->isolated = measures.isolated;
    domain.arch->harmless_absent = measures.harmless_absent;
    return {};
}

void PvGuest::destroy_domain(Domain& domain) const {
    end_domain<ArchDomain>(domain);
}

Result<> PvGuest::create_vcpu(Vcpu& vcpu) const {
    return make_vcpu<ArchVcpu>(vcpu);
}

void PvGuest::destroy_vcpu(Vcpu& vcpu) const {
    end_vcpu<ArchVcpu>(vcpu);
}

bool PvGuest::in_kernel(const Vcpu& vcpu) const {
    return vcpu.arch->kernel_mode;
}

}  // namespace hv::x86
