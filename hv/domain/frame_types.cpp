// What a typed frame's contents may be is for its owner's kind of guest to say.
#include "hv/memory/frame_types.hpp"

#include "hv/base/log.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/domain_table.hpp"
#include "hv/domain/guest_kind.hpp"
#include "hv/memory/audit.hpp"

namespace hv {

Result<> validate_frame(FrameInfo& info, FrameType type) {
    const Domain* owner = domain_in_table(info.owner());
    return owner ? owner->kind.validate_frame(info, type) : fail(Error::BadArgument);
}

Result<> invalidate_frame(FrameInfo& info, FrameType type, std::uint8_t within) {
    const Domain* owner = domain_in_table(info.owner());
    HV_ASSERT(owner);  // it lives while it owns a frame
    return owner->kind.invalidate_frame(info, type, within);
}

void audit_table(FrameAudit& audit, Mfn frame, FrameType type, unsigned entries) {
    const DomainId owner = frame_info(frame).owner();
    if (const Domain* domain = domain_in_table(owner)) return domain->kind.audit_table(audit, frame, type, entries);
    audit.complain("{} 0x{:x}: of d{}, which is gone", name_of(type), frame.raw, owner);
}

Result<> GuestKind::validate_frame(FrameInfo&, FrameType) const {
    return fail(Error::BadArgument);
}

Result<> GuestKind::invalidate_frame(FrameInfo&, FrameType, std::uint8_t) const {
    return {};
}

void GuestKind::audit_table(FrameAudit& audit, Mfn frame, FrameType type, unsigned) const {
    audit.complain("{} 0x{:x}: its owner's kind of guest has no such frames", name_of(type), frame.raw);
}

}  // namespace hv
