// Unmapping, in two steps: the page-table entries of up to kBatch mappings go, then the TLBs are flushed once, and only
// then the frames are given back and the grants unpinned.
#include <array>

#include "hv/domain/domain.hpp"
#include "hv/domain/guest_kind.hpp"
#include "hv/hypercall/grant_operations.hpp"
#include "hv/memory/frame.hpp"

namespace hv {

using namespace abi::xen;

namespace {

constexpr std::uint32_t kBatch = 32;

struct Request {
    std::uint64_t host_address;
    std::uint64_t device_address;  // 0: leave the device mapping
    GuestVirtual replacement{0};
    GrantHandle handle;
};

// A mapping whose entries are gone.
struct Ended {
    GrantMapping* mapping = nullptr;
    GrantHandle handle = 0;
    Mfn frame{};
    std::uint16_t flags = 0;  // as they were
    std::uint16_t done = 0;   // which of the host and device mappings have ended
    bool again = false;       // none has, as it was preempted: ask again
};

// Claims a mapping for this CPU; what its other fields say is stable then.
GrantOutcome<std::uint16_t> claim(GrantMapping& mapping) {
    std::uint16_t flags = mapping.flags.load(std::memory_order_acquire);
    if (!(flags & (kGntmapHostMap | kGntmapDeviceMap)) || (flags & GrantMapping::kClaimed) ||
        !mapping.flags.compare_exchange_strong(flags, flags | GrantMapping::kClaimed, std::memory_order_acq_rel))
        return std::unexpected{GrantResult::BadHandle};
    return flags;
}

GrantOutcome<> end_entries(const Request& request, Ended& ended) {
    Vcpu& vcpu = current_vcpu();
    const Result<DomainRef> granter = find_domain(ended.mapping->domain.load(std::memory_order_relaxed));
    if (!granter) return std::unexpected{GrantResult::BadDomain};
    ended.frame = TRY((*granter)->grants.mapped_frame(ended.mapping->ref(), vcpu.domain.id));
    if (request.device_address != 0 && (ended.flags & kGntmapDeviceMap)) {
        if (request.device_address != address_of(ended.frame).raw) return std::unexpected{GrantResult::BadDevAddr};
        ended.done |= kGntmapDeviceMap;
    }
    if (request.host_address != 0 && (ended.flags & kGntmapHostMap)) {
        const GrantPlace place{request.host_address, ended.flags};
        const GuestKind& kind = vcpu.domain.kind;
        if (const Result<> gone = kind.unmap_grant(vcpu, place, ended.frame, request.replacement); !gone) {
            ended.again = gone.error() == Error::Restart;
            ended.done = 0;
            return std::unexpected{GrantResult::GeneralError};
        }
        ended.done |= kGntmapHostMap;
    }
    return {};
}

GrantOutcome<> begin(const Request& request, Ended& ended) {
    GrantMapping* mapping = current_domain().grants.maptrack.find(request.handle);
    if (!mapping) return std::unexpected{GrantResult::BadHandle};
    ended.flags = TRY(claim(*mapping));
    ended.mapping = mapping;
    ended.handle = request.handle;
    const GrantOutcome<> gone = end_entries(request, ended);
    if (ended.done == 0) {
        mapping->flags.store(ended.flags, std::memory_order_release);  // gives the claim up
        ended.mapping = nullptr;
    }
    return gone;
}

void complete(const Ended& ended) {
    Vcpu& vcpu = current_vcpu();
    const bool readonly = ended.flags & kGntmapReadonly;
    const GrantRef ref = ended.mapping->ref();
    FrameInfo& frame = frame_info(ended.frame);
    // The references to the frame keep the domain that granted it, so it is still there.
    if (const Result<DomainRef> granter = find_domain(ended.mapping->domain.load(std::memory_order_relaxed))) {
        GrantTable& table = (*granter)->grants;
        if (ended.done & kGntmapHostMap)
            table.unpin(ref, vcpu.domain.id, readonly ? GrantUse::HostRead : GrantUse::HostWrite);
        if (ended.done & kGntmapDeviceMap)
            table.unpin(ref, vcpu.domain.id, readonly ? GrantUse::DeviceRead : GrantUse::DeviceWrite);
    }
    if (ended.done & kGntmapHostMap) put_granted_frame(frame, readonly);
    if (ended.done & kGntmapDeviceMap) put_granted_frame(frame, readonly);

    const auto left = static_cast<std::uint16_t>(ended.flags & ~ended.done);
    if (left & (kGntmapHostMap | kGntmapDeviceMap)) {
        ended.mapping->flags.store(left, std::memory_order_release);
    } else {
        vcpu.domain.grants.maptrack.give_back(vcpu.id, ended.handle);
    }
}

Request request_of(const GnttabUnmapGrantRef& op) {
    return {.host_address = op.host_addr, .device_address = op.dev_bus_addr, .handle = op.handle};
}

Request request_of(const GnttabUnmapAndReplace& op) {
    return {.host_address = op.host_addr,
            .device_address = 0,
            .replacement = GuestVirtual{op.new_addr},
            .handle = op.handle};
}

template <class Op>
Result<> unmap_some(GrantBatch& batch, std::array<Ended, kBatch>& ended) {
    for (std::uint32_t i = 0; i < kBatch && batch.done < batch.count; ++i, ++batch.done) {
        Op op = TRY(fetch_at<Op>(batch.array, batch.done));
        const GrantOutcome<> outcome = begin(request_of(op), ended[i]);
        if (ended[i].again) return fail(Error::Restart);
        op.status = static_cast<std::int16_t>(outcome ? GrantResult::Okay : outcome.error());
        TRY(store_at(batch.array, batch.done, op));
    }
    return {};
}

template <class Op>
Result<> unmap_all(GrantBatch& batch) {
    while (batch.done < batch.count) {
        std::array<Ended, kBatch> ended{};
        const Result<> outcome = unmap_some<Op>(batch, ended);
        // What has been unmapped is completed, whatever happened to the guest's structures.
        current_domain().kind.flush_grant_mappings(current_domain());
        for (const Ended& one : ended) {
            if (one.mapping) complete(one);
        }
        if (!outcome) return outcome;
        if (batch.done < batch.count && preemption_needed()) return fail(Error::Restart);
    }
    return {};
}

}  // namespace

Result<> unmap_grants(GrantBatch& batch) {
    return unmap_all<GnttabUnmapGrantRef>(batch);
}

Result<> unmap_and_replace_grants(GrantBatch& batch) {
    return unmap_all<GnttabUnmapAndReplace>(batch);
}

}  // namespace hv
