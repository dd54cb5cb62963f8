// grant_table_op, mapping of other domains' grants: pin the grant, reference the frame, enter it in a page table,
// remember it in the maptrack. What has been done is undone in the opposite order when a step fails.
#include "hv/domain/domain.hpp"
#include "hv/domain/guest_kind.hpp"
#include "hv/hypercall/grant_operations.hpp"
#include "hv/memory/frame.hpp"

namespace hv {

using namespace abi::xen;

namespace {

constexpr std::uint32_t kKeptFlags =
    kGntmapDeviceMap | kGntmapHostMap | kGntmapReadonly | kGntmapApplicationMap | kGntmapContainsPte;

// One mapping in the making, undone from the back unless it is completed.
struct Attempt {
    Domain& granter;
    Vcpu& vcpu;
    const GnttabMapGrantRef& op;
    bool readonly = op.flags & kGntmapReadonly;
    bool host = op.flags & kGntmapHostMap;
    bool device = op.flags & kGntmapDeviceMap;
    bool again = false;  // it was preempted, and only has to be made again

    DomainId user() const { return vcpu.domain.id; }
    void unpin() {
        if (host) granter.grants.unpin(GrantRef{op.ref}, user(), readonly ? GrantUse::HostRead : GrantUse::HostWrite);
        if (device)
            granter.grants.unpin(GrantRef{op.ref}, user(), readonly ? GrantUse::DeviceRead : GrantUse::DeviceWrite);
    }

    // Each of the two kinds of mapping holds the frame for itself.
    GrantOutcome<> map(const PinnedGrant& pinned) {
        if (device) TRY(get_granted_frame(pinned.frame, granter.id, readonly));
        if (!host) return {};
        const GrantOutcome<FrameInfo*> frame = get_granted_frame(pinned.frame, granter.id, readonly);
        if (frame) {
            const Result<> mapped = vcpu.domain.kind.map_grant(vcpu, {op.host_addr, op.flags}, pinned.frame);
            if (mapped) return {};
            again = mapped.error() == Error::Restart;
        }
        if (frame) put_granted_frame(**frame, readonly);
        if (device) put_granted_frame(frame_info(pinned.frame), readonly);
        return std::unexpected{frame ? GrantResult::GeneralError : frame.error()};
    }
};

GrantOutcome<> map_one(GnttabMapGrantRef& op, bool& again) {
    if (!(op.flags & (kGntmapHostMap | kGntmapDeviceMap))) return std::unexpected{GrantResult::GeneralError};
    if (DomainId{op.domid} >= kFirstReservedDomain) return std::unexpected{GrantResult::BadDomain};
    const Result<DomainRef> granter = find_domain(DomainId{op.domid});
    if (!granter) return std::unexpected{GrantResult::BadDomain};
    if ((*granter)->dying.load(std::memory_order_relaxed) != Dying::Alive)
        return std::unexpected{GrantResult::GeneralError};

    Vcpu& vcpu = current_vcpu();
    Maptrack& maptrack = vcpu.domain.grants.maptrack;
    const Result<GrantHandle> handle = maptrack.take(vcpu.id);
    if (!handle) return std::unexpected{GrantResult::NoDeviceSpace};

    Attempt attempt{.granter = **granter, .vcpu = vcpu, .op = op};
    const GrantOutcome<PinnedGrant> pinned = (*granter)->grants.pin_for_map(
        GrantRef{op.ref}, attempt.user(), attempt.readonly, attempt.host, attempt.device);
    if (!pinned) {
        maptrack.give_back(vcpu.id, *handle);
        return std::unexpected{pinned.error()};
    }
    if (const GrantOutcome<> mapped = attempt.map(*pinned); !mapped) {
        again = attempt.again;
        attempt.unpin();
        maptrack.give_back(vcpu.id, *handle);
        return mapped;
    }

    GrantMapping& mapping = *maptrack.find(*handle);
    mapping.domain.store(DomainId{op.domid}, std::memory_order_relaxed);
    mapping.number.store(op.ref, std::memory_order_relaxed);
    mapping.flags.store(static_cast<std::uint16_t>(op.flags & kKeptFlags), std::memory_order_release);
    op.handle = *handle;
    op.dev_bus_addr = address_of(pinned->frame).raw;
    return {};
}

}  // namespace

Result<> map_grants(GrantBatch& batch) {
    return for_each_operation<GnttabMapGrantRef>(batch, [](GnttabMapGrantRef& op) -> Result<> {
        bool again = false;
        const GrantOutcome<> mapped = map_one(op, again);
        if (again) return fail(Error::Restart);
        op.status = static_cast<std::int16_t>(mapped ? GrantResult::Okay : mapped.error());
        return {};
    });
}

}  // namespace hv
