// The control interface's part about a domain's memory: copying to and from it, and which frames it has. Long requests
// keep their progress in the request and go on from there.
#include "hv/memory/frame.hpp"

#include <cstring>

#include "hv/control/operation.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/domain_frames.hpp"
#include "hv/hypercall/hypercall.hpp"
#include "hv/memory/guest_access.hpp"

namespace hv {
namespace {

using control::CopyDirection;

// One frame's part of the area.
Result<> copy_part(Domain& domain, const control::CopyMemory& request, Gfn frame, std::uint64_t in_frame,
                   std::uint64_t bytes) {
    const auto direction = static_cast<CopyDirection>(request.direction);
    const GuestVirtual buffer{request.buffer + request.done};
    FrameInfo* info = TRY(get_guest_frame(domain, frame));
    auto* at = static_cast<std::byte*>(frame_pointer(frame_number(*info))) + in_frame;
    if (direction == CopyDirection::FromDomain) {
        const Result<> copied = copy_to_guest(buffer, at, bytes);
        put_frame(*info);
        return copied;
    }
    if (!get_frame_type(*info, FrameType::Writable)) {
        put_frame(*info);
        return fail(Error::Busy);
    }
    Result<> copied;
    if (direction == CopyDirection::Zero)
        std::memset(at, 0, bytes);
    else
        copied = copy_from_guest(at, buffer, bytes);
    put_frame_and_type(*info);
    return copied;
}

}  // namespace

Result<> op_copy_memory(control::CopyMemory& request) {
    if (request.direction > static_cast<std::uint32_t>(CopyDirection::Zero) || request.reserved0 != 0)
        return fail(Error::BadArgument);
    if (request.offset + request.length < request.offset || request.done > request.length)
        return fail(Error::BadArgument);
    const DomainRef domain = TRY(find_domain(DomainId{request.domain}));
    for (bool first = true; request.done < request.length; first = false) {
        if (!first && preemption_needed()) return fail(Error::Restart);
        const std::uint64_t position = request.offset + request.done;
        const std::uint64_t in_frame = position % kPageSize;
        const std::uint64_t left = request.length - request.done;
        const std::uint64_t bytes = left < kPageSize - in_frame ? left : kPageSize - in_frame;
        const Gfn frame{TRY(fetch_at<std::uint64_t>(GuestVirtual{request.frames}, position / kPageSize))};
        TRY(copy_part(*domain, request, frame, in_frame, bytes));
        request.done += bytes;
    }
    return {};
}

Result<> op_get_frame_types(control::GetFrameTypes& request) {
    constexpr std::uint32_t kMost = 1024;  // bounded work; callers ask in pieces
    if (request.count > kMost) return fail(Error::TooBig);
    const DomainRef domain = TRY(find_domain(DomainId{request.domain}));
    for (std::uint32_t i = 0; i < request.count; ++i) {
        const Gfn frame{TRY(fetch_at<std::uint64_t>(GuestVirtual{request.frames}, i))};
        auto type = static_cast<std::uint32_t>(control::FrameType::Invalid);
        if (Result<FrameInfo*> info = get_guest_frame(*domain, frame)) {
            type = (*info)->type_count() != 0 ? static_cast<std::uint32_t>((*info)->frame_type()) : 0;
            if ((*info)->type.load() & FrameInfo::kPinned) type |= control::kFramePinned;
            put_frame(**info);
        }
        TRY(store_at(GuestVirtual{request.types}, i, type));
    }
    return {};
}

Result<> op_get_frame_list(control::GetFrameList& request) {
    const DomainRef domain = TRY(find_domain(DomainId{request.domain}));
    if (!domain->paused_by_control.load()) return fail(Error::Busy);
    if (request.next == 0) request.count = 0;
    // The lock is not held while the caller's memory is touched: the list stands still while the domain is
    // paused, but for what the caller itself changes.
    std::uint32_t mfn = request.next != 0 ? request.next : domain->first_frame;
    request.next = 0;
    for (bool first = true; mfn != 0 && request.count < request.capacity; first = false) {
        constexpr std::uint64_t kBetweenLooks = 64;
        if (!first && request.count % kBetweenLooks == 0 && preemption_needed()) {
            request.next = mfn;
            return fail(Error::Restart);
        }
        FrameInfo* info = TRY(get_frame(Mfn{mfn}, domain->id));
        Result<> stored = store_at(GuestVirtual{request.frames}, request.count, std::uint64_t{mfn});
        if (stored && request.pfns != 0) stored = store_at(GuestVirtual{request.pfns}, request.count, m2p(Mfn{mfn}));
        mfn = info->next;
        put_frame(*info);
        TRY(stored);
        ++request.count;
    }
    return {};
}

}  // namespace hv
