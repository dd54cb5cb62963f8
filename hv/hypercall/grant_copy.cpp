// Copies between frames, each end either the caller's own or one that is granted to it.
#include <cstring>

#include "hv/domain/domain.hpp"
#include "hv/domain/domain_frames.hpp"
#include "hv/hypercall/grant_operations.hpp"
#include "hv/memory/frame.hpp"

namespace hv {

using namespace abi::xen;

namespace {

// One end of a copy, held for as long as this lives.
class CopyEnd {
  public:
    explicit CopyEnd(bool readonly) : readonly_{readonly} {}
    ~CopyEnd() {
        if (granter_) granter_->grants.unpin_copy(ref_, current_domain().id, readonly_, pinned_);
        if (frame_) put_granted_frame(*frame_, readonly_);
    }
    CopyEnd(const CopyEnd&) = delete;
    CopyEnd& operator=(const CopyEnd&) = delete;

    // The `length` bytes that `where` means.
    GrantOutcome<std::byte*> acquire(const GnttabCopyPointer& where, bool is_grant, std::uint32_t length) {
        if (where.offset + length > kPageSize) return std::unexpected{GrantResult::BadCopyArg};
        const Mfn frame = is_grant ? TRY(pin(where, length)) : mfn_of(current_domain(), Gfn{where.u.gmfn});
        const DomainId owner = is_grant ? pinned_.owner : current_domain().id;
        // Frames of others can be reached through grants only.
        if (!is_grant && where.domid != kDomidSelf) return std::unexpected{GrantResult::PermissionDenied};
        frame_ = TRY(get_granted_frame(frame, owner, readonly_));
        return static_cast<std::byte*>(frame_pointer(frame)) + where.offset;
    }

  private:
    GrantOutcome<Mfn> pin(const GnttabCopyPointer& where, std::uint32_t length) {
        if (DomainId{where.domid} >= kFirstReservedDomain && where.domid != kDomidSelf)
            return std::unexpected{GrantResult::BadDomain};
        Result<DomainRef> granter = find_domain(DomainId{where.domid});
        if (!granter) return std::unexpected{GrantResult::BadDomain};
        pinned_ = TRY((*granter)->grants.pin_for_copy(GrantRef{where.u.ref}, current_domain().id, readonly_));
        granter_ = std::move(*granter);
        ref_ = GrantRef{where.u.ref};
        if (where.offset < pinned_.start || where.offset + length > pinned_.start + pinned_.length)
            return std::unexpected{GrantResult::GeneralError};
        return pinned_.frame;
    }

    const bool readonly_;
    DomainRef granter_;
    GrantRef ref_;
    PinnedGrant pinned_{};
    FrameInfo* frame_ = nullptr;
};

GrantOutcome<> copy_one(const GnttabCopy& op) {
    CopyEnd source{true};
    CopyEnd destination{false};
    const std::byte* from = TRY(source.acquire(op.source, op.flags & kGntcopySourceGref, op.len));
    std::byte* to = TRY(destination.acquire(op.dest, op.flags & kGntcopyDestGref, op.len));
    std::memmove(to, from, op.len);
    return {};
}

}  // namespace

Result<> copy_grants(GrantBatch& batch) {
    return for_each_operation<GnttabCopy>(batch, [](GnttabCopy& op) -> Result<> {
        const GrantOutcome<> copied = copy_one(op);
        op.status = static_cast<std::int16_t>(copied ? GrantResult::Okay : copied.error());
        return {};
    });
}

}  // namespace hv
