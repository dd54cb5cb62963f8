#include "hv/x86/pv/pv_guest.hpp"

#include "hv/x86/pv/mmu/table_measures.hpp"
#include "hv/x86/pv/pv_vcpu.hpp"

namespace hv::x86 {

Result<> PvGuest::create_domain(Domain& domain) const {
    TRY(make_domain<PvDomain>(domain));
    const TableMeasures measures = table_measures(domain);
    PvDomain& arch = pv(domain);
    arch.isolated = measures.isolated;
    arch.harmless_absent = measures.harmless_absent;
    return {};
}

void PvGuest::destroy_domain(Domain& domain) const {
    end_domain<PvDomain>(domain);
}

Result<> PvGuest::create_vcpu(Vcpu& vcpu) const {
    return make_vcpu<PvVcpu>(vcpu);
}

void PvGuest::destroy_vcpu(Vcpu& vcpu) const {
    end_vcpu<PvVcpu>(vcpu);
}

bool PvGuest::in_kernel(const Vcpu& vcpu) const {
    return pv(vcpu).kernel_mode;
}

}  // namespace hv::x86
