#include "hv/x86/policy/msr.hpp"

#include "hv/domain/domain.hpp"
#include "hv/machine/clock.hpp"
#include "hv/x86/cpu/cpuid.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/policy/speculation_msrs.hpp"
#include "hv/x86/vcpu/arch_vcpu.hpp"
#include "hv/x86/vcpu/guest_kind.hpp"
#include "hv/x86/vcpu/tsc_aux.hpp"

namespace hv::x86 {
namespace {

constexpr std::uint64_t kApicAddress = 0xfee0'0000, kBootProcessor = 1u << 8, kApicEnabled = 1u << 11;

// What a guest can know of AMD's HWCR: that its TSC counts at the P0 frequency, which Linux
// asks for where the TSC is invariant.
bool read_hardware_configuration(std::uint64_t& value) {
    constexpr std::uint64_t kTscAtP0Frequency = std::uint64_t{1} << 24;
    if (cpu_model().vendor != Vendor::Amd && cpu_model().vendor != Vendor::Hygon) return false;
    value = time::tsc_stable() ? kTscAtP0Frequency : 0;
    return true;
}

}  // namespace

bool read_guest_msr(Vcpu& vcpu, std::uint32_t msr, std::uint64_t& value) {
    if (const std::optional<bool> own = kind_of(vcpu.domain).read_msr(vcpu, msr, value)) return *own;
    if (const auto answer = read_speculation_msr(vcpu, msr, value)) return *answer;
    switch (static_cast<Msr>(msr)) {
        case Msr::ApicBase:
            value = kApicAddress | kApicEnabled | (vcpu.id == VcpuId{0} ? kBootProcessor : 0);  // wherever it runs
            return true;
        case Msr::TscAux: value = vcpu.arch->tsc_aux; return true;
        case Msr::MiscEnable:
            value = cpu_model().vendor == Vendor::Intel ? 1 : 0;
            return cpu_model().vendor == Vendor::Intel;
        case Msr::McgCap:
        case Msr::McgStatus: value = 0; return true;  // a guest has no banks: machine checks are hv's
        case Msr::AmdHardwareConfiguration: return read_hardware_configuration(value);
        default: break;
    }
    if (msr == 0x10) {
        value = read_tsc();
        return true;
    }
    if (static_cast<Msr>(msr) == Msr::MicrocodeRevision) {
        const Vendor vendor = cpu_model().vendor;
        value = vendor == Vendor::Intel || vendor == Vendor::Amd || vendor == Vendor::Hygon ? read_msr(msr) : 0;
        return true;
    }
    return false;
}

bool write_guest_msr(Vcpu& vcpu, std::uint32_t msr, std::uint64_t value) {
    if (const std::optional<bool> own = kind_of(vcpu.domain).write_msr(vcpu, msr, value)) return *own;
    if (const auto answer = write_speculation_msr(vcpu, msr, value)) return *answer;
    switch (static_cast<Msr>(msr)) {
        case Msr::TscAux:
            if (value >> 32) return false;
            vcpu.arch->tsc_aux = value;
            load_tsc_aux(vcpu);
            return true;
        case Msr::Efer:
        case Msr::ApicBase:
        case Msr::Pat:
        case Msr::McgStatus:
        case Msr::AmdHardwareConfiguration:
        case Msr::MiscEnable: {
            std::uint64_t old;
            return read_guest_msr(vcpu, msr, old) && value == old;
        }
        default: break;
    }
    return static_cast<Msr>(msr) == Msr::MicrocodeRevision && value == 0;  // asks the CPU for it
}

}  // namespace hv::x86
