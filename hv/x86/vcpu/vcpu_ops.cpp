// The processor's part of vCPU operations, for every kind of guest.
#include "hv/machine/vcpus.hpp"

#include "hv/domain/domain.hpp"
#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/vcpu/arch_vcpu.hpp"
#include "hv/x86/vcpu/guest_clock.hpp"
#include "hv/x86/vcpu/guest_kind.hpp"

namespace hv {

Result<> register_time_area(Vcpu& vcpu, GuestVirtual area) {
    if (area.raw != 0 && !x86::kind_of(vcpu.domain).address_allowed(area, sizeof(abi::xen::VcpuTimeInfo)))
        return fail(Error::Fault);
    vcpu.arch->time_area = area;
    vcpu.arch->time_published = nullptr;
    if (&vcpu == &current_vcpu()) x86::update_guest_clock(vcpu);
    return {};
}

void send_nmi(Vcpu& vcpu) {
    if (!vcpu.arch->nmi_pending.exchange(true)) vcpu.kick();
}

bool nmi_pending(const Vcpu& vcpu) {
    return vcpu.arch->nmi_pending.load(std::memory_order_relaxed);
}

std::uint64_t physical_id(CpuId cpu) {
    return x86::cpu_data(cpu).apic_id | (std::uint64_t{cpu.raw} << 32);
}

}  // namespace hv
