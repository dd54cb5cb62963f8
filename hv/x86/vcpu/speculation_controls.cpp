#include "hv/x86/vcpu/speculation_controls.hpp"

#include "hv/domain/domain.hpp"
#include "hv/domain/idle_domain.hpp"
#include "hv/x86/cpu/leaks.hpp"
#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/cpu/spec_ctrl.hpp"
#include "hv/x86/vcpu/arch_vcpu.hpp"
#include "hv/x86/vcpu/guest_kind.hpp"

namespace hv::x86 {

const GuestControls& controls_of(const Domain& domain) {
    return guest_controls(kind_of(domain).leak_filter());
}

void load_speculation_controls(const Vcpu& vcpu) {
    PerCpu& cpu = per_cpu();
    cpu.guest_spec_ctrl = spec_ctrl_for_guest(vcpu.arch->spec_ctrl);
    const bool wanted = vcpu.arch->virt_spec_ctrl & kVirtSpecCtrlSsbd;
    if (cpu.stores_in_order == wanted) return;
    cpu.stores_in_order = wanted;
    const std::uint64_t bit = controls_of(vcpu.domain).ls_cfg_ssbd;
    const std::uint64_t other = read_msr(Msr::AmdLsCfg) & ~bit;
    write_msr(Msr::AmdLsCfg, wanted ? other | bit : other);
}

void refresh_speculation_controls() {
    PerCpu& cpu = per_cpu();
    if (!is_idle(*cpu.current)) cpu.guest_spec_ctrl = spec_ctrl_for_guest(cpu.current->arch->spec_ctrl);
}

}  // namespace hv::x86
