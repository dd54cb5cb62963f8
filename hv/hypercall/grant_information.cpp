// Where a domain's grant table is, how large it is, and which version it has.
#include "hv/domain/domain.hpp"
#include "hv/hypercall/grant_operations.hpp"

namespace hv {

using namespace abi::xen;

namespace {

// The domain that an operation is about, in the terms of its status.
GrantOutcome<DomainRef> target(DomainId id) {
    Result<DomainRef> domain = find_target_domain(id);
    if (domain) return std::move(*domain);
    return std::unexpected{domain.error() == Error::NotPermitted ? GrantResult::PermissionDenied
                                                                 : GrantResult::BadDomain};
}

// Makes the table so large that it has `count` frames. Each new one takes its time:
// `again` when there was no more of that.
GrantOutcome<> grow(Domain& domain, std::uint32_t count, bool& again) {
    for (std::uint32_t have = domain.grants.frame_count(); have < count && !again; ++have) {
        if (!domain.grants.grow(have + 1)) return std::unexpected{GrantResult::GeneralError};
        again = have + 1 < count && preemption_needed();
    }
    return {};
}

// Writes the first `count` frames of the table (or its status array) to the guest's list.
GrantOutcome<> list_frames(Domain& domain, GuestVirtual list, std::uint32_t count, bool status) {
    for (std::uint32_t i = 0; i < count; ++i) {
        const Result<Mfn> frame = domain.grants.frame(i, status);
        if (!frame) return std::unexpected{GrantResult::GeneralError};
        if (!store_at(list, i, frame->raw)) return std::unexpected{GrantResult::BadVirtAddr};
    }
    return {};
}

GrantOutcome<> setup_table(const GnttabSetupTable& op, bool& again) {
    const DomainRef domain = TRY(target(DomainId{op.domid}));
    if (op.nr_frames > domain->grants.max_frames()) return std::unexpected{GrantResult::GeneralError};
    TRY(grow(*domain, op.nr_frames, again));
    if (again) return {};
    return list_frames(*domain, GuestVirtual{op.frame_list}, op.nr_frames, false);
}

GrantOutcome<> status_frames(const GnttabGetStatusFrames& op) {
    const DomainRef domain = TRY(target(DomainId{op.domid}));
    if (op.nr_frames > domain->grants.status_frame_count()) return std::unexpected{GrantResult::GeneralError};
    return list_frames(*domain, GuestVirtual{op.frame_list}, op.nr_frames, true);
}

std::int16_t status_of(const GrantOutcome<>& outcome) {
    return static_cast<std::int16_t>(outcome ? GrantResult::Okay : outcome.error());
}

}  // namespace

Result<> grant_setup_table(GuestVirtual argument) {
    auto op = TRY(fetch<GnttabSetupTable>(argument));
    bool again = false;
    op.status = status_of(setup_table(op, again));
    if (again) return fail(Error::Restart);
    return store(argument, op);
}

Result<> grant_get_status_frames(GuestVirtual argument) {
    auto op = TRY(fetch<GnttabGetStatusFrames>(argument));
    op.status = status_of(status_frames(op));
    return store(argument, op);
}

Result<> grant_query_size(GuestVirtual argument) {
    auto op = TRY(fetch<GnttabQuerySize>(argument));
    if (const GrantOutcome<DomainRef> domain = target(DomainId{op.domid})) {
        op.nr_frames = (*domain)->grants.frame_count();
        op.max_nr_frames = (*domain)->grants.max_frames();
        op.status = static_cast<std::int16_t>(GrantResult::Okay);
    } else {
        op.status = static_cast<std::int16_t>(domain.error());
    }
    return store(argument, op);
}

Result<> grant_set_version(GuestVirtual argument) {
    auto op = TRY(fetch<GnttabSetVersion>(argument));
    GrantTable& table = current_domain().grants;
    const Result<> outcome = table.set_version(op.version);
    if (!outcome && outcome.error() == Error::Restart) return outcome;
    op.version = table.version();
    TRY(store(argument, op));
    return outcome;
}

Result<> grant_get_version(GuestVirtual argument) {
    auto op = TRY(fetch<GnttabGetVersion>(argument));
    const DomainRef domain = TRY(find_target_domain(DomainId{op.domid}));
    op.version = domain->grants.version();
    return store(argument, op);
}

// Giving frames away is not supported by any PV guest of today: each is refused, and stays where it is.
Result<> transfer_grants(GrantBatch& batch) {
    return for_each_operation<GnttabTransfer>(batch, [](GnttabTransfer& op) -> Result<> {
        op.status = static_cast<std::int16_t>(GrantResult::GeneralError);
        return {};
    });
}

Result<> swap_grants(GrantBatch& batch) {
    return for_each_operation<GnttabSwapGrantRef>(batch, [](GnttabSwapGrantRef& op) -> Result<> {
        op.status = status_of(current_domain().grants.swap(GrantRef{op.ref_a}, GrantRef{op.ref_b}));
        return {};
    });
}

}  // namespace hv
