#include "hv/domain/relinquish.hpp"

#include <utility>

#include "hv/domain/domain.hpp"
#include "hv/domain/domain_frames.hpp"
#include "hv/domain/frame_list.hpp"
#include "hv/domain/guest_kind.hpp"
#include "hv/machine/preemption.hpp"
#include "hv/memory/frame.hpp"

namespace hv {
namespace {

// Everything that keeps the frame by the domain's own doing: a pin, parked work, ownership.
Result<> relinquish(FrameInfo& info) {
    TRY(finish_partial(info));
    if (info.type.fetch_and(~FrameInfo::kPinned, std::memory_order_acq_rel) & FrameInfo::kPinned) {
        const Result<> put = put_frame_type_preemptible(info);
        put_frame(info);  // the pin's reference; parked work has one of its own
        TRY(put);
    }
    release_frame(info);
    return {};
}

}  // namespace

Result<> relinquish_vcpu(Vcpu& vcpu) {
    vcpu.flags.fetch_and(~std::uint32_t{kVcpuInitialised});
    TRY(vcpu.domain.kind.relinquish_vcpu(vcpu));
    vcpu.info = &vcpu.domain.spare_vcpu_info;
    if (FrameInfo* frame = std::exchange(vcpu.info_frame, nullptr)) put_frame_and_type(*frame);
    return {};
}

Result<> relinquish_frames(Domain& domain) {
    for (bool first = true;; first = false) {
        if (!first && preemption_needed()) return fail(Error::Restart);
        // Frames that have been dealt with but not gone are moved to a list of their own.
        FrameInfo* info = take_for_relinquishing(domain);
        if (!info) return {};
        const Result<> done = relinquish(*info);
        if (!done) {
            put_back_for_relinquishing(domain, *info);
            put_frame(*info);
            return done;
        }
        put_frame(*info);
    }
}

}  // namespace hv
