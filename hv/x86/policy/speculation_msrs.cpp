#include "hv/x86/policy/speculation_msrs.hpp"

#include "hv/domain/domain.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/leaks/guest_controls.hpp"
#include "hv/x86/vcpu/arch_vcpu.hpp"
#include "hv/x86/vcpu/speculation_controls.hpp"

namespace hv::x86 {
namespace {

bool set(Vcpu& vcpu, std::uint64_t& own, std::uint64_t value, std::uint64_t allowed) {
    if (allowed == 0 || (value & ~allowed)) return false;
    own = value;
    load_speculation_controls(vcpu);
    return true;
}

// The processor does it, once: 0 asks for nothing.
bool command(Msr msr, std::uint64_t value, std::uint64_t allowed) {
    if (allowed == 0 || (value & ~allowed)) return false;
    if (value != 0) write_msr(msr, value);
    return true;
}

}  // namespace

std::optional<bool> read_speculation_msr(const Vcpu& vcpu, std::uint32_t msr, std::uint64_t& value) {
    const GuestControls& controls = controls_of(vcpu.domain);
    switch (static_cast<Msr>(msr)) {
        case Msr::SpecCtrl: value = vcpu.arch->spec_ctrl; return controls.spec_ctrl != 0;
        case Msr::AmdVirtSpecCtrl: value = vcpu.arch->virt_spec_ctrl; return controls.virt_spec_ctrl != 0;
        case Msr::ArchCapabilities: value = controls.arch_capabilities; return controls.has_arch_capabilities();
        case Msr::PredCmd:
        case Msr::FlushCmd: return false;
        default: return std::nullopt;
    }
}

std::optional<bool> write_speculation_msr(Vcpu& vcpu, std::uint32_t msr, std::uint64_t value) {
    const GuestControls& controls = controls_of(vcpu.domain);
    switch (static_cast<Msr>(msr)) {
        case Msr::SpecCtrl: return set(vcpu, vcpu.arch->spec_ctrl, value, controls.spec_ctrl);
        case Msr::AmdVirtSpecCtrl: return set(vcpu, vcpu.arch->virt_spec_ctrl, value, controls.virt_spec_ctrl);
        case Msr::PredCmd: return command(Msr::PredCmd, value, controls.pred_cmd);
        case Msr::FlushCmd: return command(Msr::FlushCmd, value, controls.flush_cmd);
        case Msr::ArchCapabilities: return false;
        default: return std::nullopt;
    }
}

}  // namespace hv::x86
