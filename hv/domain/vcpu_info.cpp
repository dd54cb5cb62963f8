#include "hv/domain/vcpu_info.hpp"

#include <atomic>
#include <cstddef>

#include "hv/domain/domain.hpp"
#include "hv/domain/domain_frames.hpp"
#include "hv/memory/frame.hpp"

namespace hv {

using abi::xen::VcpuInfo;

Result<> register_vcpu_info(Vcpu& vcpu, Gfn frame, std::uint32_t offset) {
    if (offset > kPageSize - sizeof(VcpuInfo) || offset % alignof(VcpuInfo) != 0) return fail(Error::BadArgument);
    Domain& domain = vcpu.domain;
    FrameInfo* info_frame = TRY(get_guest_frame_and_type(domain, frame, FrameType::Writable));
    Guard guard{domain.lock};
    const bool mine = &vcpu == &current_vcpu() || (vcpu.flags.load(std::memory_order_relaxed) & kVcpuDown);
    if (vcpu.info_frame || !mine) {
        put_frame_and_type(*info_frame);
        return fail(Error::BadArgument);
    }
    auto* place =
        reinterpret_cast<VcpuInfo*>(static_cast<std::byte*>(frame_pointer(frame_number(*info_frame))) + offset);
    const VcpuInfo* before = vcpu.info.load(std::memory_order_relaxed);
    if (before == &domain.spare_vcpu_info) {
        *place = {};
        place->evtchn_upcall_mask = 1;
    } else {
        *place = *before;
    }
    vcpu.info_frame = info_frame;
    vcpu.info.store(place, std::memory_order_seq_cst);
    // An event that was delivered to the old place just now is not lost: the guest is told to look at everything.
    std::atomic_ref{place->evtchn_pending_sel}.store(~std::uint64_t{0}, std::memory_order_release);
    std::atomic_ref{place->evtchn_upcall_pending}.store(1, std::memory_order_release);
    return {};
}

}  // namespace hv
