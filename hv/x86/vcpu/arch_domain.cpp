// What domains and vCPUs of every kind have of the processor, from their making to their end.
#include <atomic>

#include "hv/memory/audit.hpp"
#include "hv/x86/vcpu/arch_vcpu.hpp"
#include "hv/x86/vcpu/fpu.hpp"
#include "hv/x86/vcpu/guest_clock.hpp"
#include "hv/x86/vcpu/guest_kind.hpp"

namespace hv::x86 {
namespace {

constinit std::atomic<std::uint64_t> last_identity{0};  // 0: no domain's

}  // namespace

Result<> GuestKind::adopt(Domain& domain, ArchDomain* made, std::size_t bytes) {
    if (!made) return fail(Error::NoMemory);
    domain.arch = made;
    made->identity = last_identity.fetch_add(1, std::memory_order_relaxed) + 1;
    domain.hv_bytes += bytes;
    update_wallclock(domain);
    return {};
}

Result<> GuestKind::adopt(Vcpu& vcpu, ArchVcpu* made, std::size_t bytes) {
    if (!made) return fail(Error::NoMemory);
    vcpu.arch = made;
    vcpu.domain.hv_bytes += bytes;
    made->tsc_aux = vcpu.id.raw;
    return create_fpu(vcpu);
}

void GuestKind::strip(Vcpu& vcpu) {
    if (vcpu.arch) destroy_fpu(vcpu);
}

void GuestKind::relinquish_domain(Domain& domain) const {
    if (FrameInfo* frame = std::exchange(domain.arch->eoi_map_frame, nullptr)) put_frame_and_type(*frame);
}

void GuestKind::audit_domain(FrameAudit& audit, const Domain& domain) const {
    if (domain.arch) audit.use(domain.arch->eoi_map_frame, FrameType::Writable);
}

Result<> GuestKind::set_io_privilege(Vcpu&, std::uint32_t) const {
    return fail(Error::NotImplemented);
}

Result<> GuestKind::set_io_bitmap(Vcpu&, GuestVirtual, std::uint32_t) const {
    return fail(Error::NotImplemented);
}

}  // namespace hv::x86
