// Making and ending the processor's side of domains and vCPUs.
#include "hv/domain/domain.hpp"
#include "hv/domain/domain_seams.hpp"
#include "hv/x86/pv/descriptors/descriptors.hpp"
#include "hv/x86/pv/mmu/base_pointers.hpp"
#include "hv/x86/pv/mmu/roots.hpp"
#include "hv/x86/pv/mmu/table_measures.hpp"
#include "hv/x86/vcpu/arch_vcpu.hpp"
#include "hv/x86/vcpu/context_switch.hpp"
#include "hv/x86/vcpu/fpu.hpp"
#include "hv/x86/vcpu/guest_clock.hpp"

namespace hv {

using x86::ArchDomain;
using x86::ArchVcpu;

Result<> arch_create_domain(Domain& domain) {
    domain.arch = new (std::nothrow) ArchDomain;
    if (!domain.arch) return fail(Error::NoMemory);
    domain.hv_bytes += sizeof(ArchDomain);
    domain.arch->identity = x86::new_roots_version();
    const x86::TableMeasures measures = x86::table_measures(domain);
    domain.arch->isolated = measures.isolated;
    domain.arch->harmless_absent = measures.harmless_absent;
    x86::update_wallclock(domain);
    return {};
}

void arch_destroy_domain(Domain& domain) {
    delete domain.arch;
    domain.arch = nullptr;
}

Result<> arch_create_vcpu(Vcpu& vcpu) {
    vcpu.arch = new (std::nothrow) ArchVcpu{};
    if (!vcpu.arch) return fail(Error::NoMemory);
    vcpu.domain.hv_bytes += sizeof(ArchVcpu);
    vcpu.arch->tsc_aux = vcpu.id;
    return x86::create_fpu(vcpu);
}

void arch_destroy_vcpu(Vcpu& vcpu) {
    if (!vcpu.arch) return;
    x86::destroy_fpu(vcpu);
    delete vcpu.arch;
    vcpu.arch = nullptr;
}

void arch_leave_domain(Domain& domain) {
    x86::forget_address_space(domain);
}

Result<> arch_relinquish_vcpu(Vcpu& vcpu) {
    vcpu.flags.fetch_and(~std::uint32_t{kVcpuInitialised});
    TRY_VOID(x86::drop_tables(vcpu));
    x86::release_gdt(vcpu);
    x86::release_ldt(vcpu);
    vcpu.info = &vcpu.domain.spare_vcpu_info;
    if (vcpu.info_frame) {
        put_frame_and_type(*vcpu.info_frame);
        vcpu.info_frame = nullptr;
    }
    if (vcpu.domain.arch->eoi_map_frame) {
        put_frame_and_type(*vcpu.domain.arch->eoi_map_frame);
        vcpu.domain.arch->eoi_map_frame = nullptr;
    }
    return {};
}

}  // namespace hv
