// Pinning entries: from a reference that the guest gave to a frame that can be relied on.
#include <array>
#include <optional>

#include "hv/domain/domain.hpp"
#include "hv/domain/domain_frames.hpp"
#include "hv/domain/grant/shared.hpp"
#include "hv/domain/grant/table.hpp"

namespace hv {

using abi::xen::GrantResult;

namespace {

constexpr std::uint16_t kMostUses = 0xfff0;

PinnedGrant pinned_grant(const ActiveGrant& active, DomainId owner) {
    return {.frame = Mfn{active.frame},
            .start = active.start,
            .length = active.length ? active.length : static_cast<std::uint32_t>(kPageSize),
            .owner = owner};
}

// The frame that a granting domain's entry names, as an active entry holds it. Higher numbers do not exist.
std::optional<std::uint32_t> granted_frame(const Domain& domain, std::uint64_t frame) {
    const Mfn mfn = mfn_of(domain, Gfn{frame});
    if (mfn.raw > 0xffff'ffff || !valid_frame(mfn)) return {};
    return static_cast<std::uint32_t>(mfn.raw);
}

}  // namespace

// lock_ is held. The active entry of a reference that `user` may try to use.
GrantOutcome<ActiveGrant*> GrantTable::enter(GrantRef ref, DomainId user) {
    if (ref.raw >= entries()) return std::unexpected{GrantResult::BadGntref};
    const Result<ActiveGrant*> active = ensure_active(ref);
    if (!active) return std::unexpected{GrantResult::NoSpace};
    // One user at a time: the shared entry names one domain.
    if ((*active)->pinned() && (*active)->domain != user) return std::unexpected{GrantResult::GeneralError};
    for (std::uint16_t uses : (*active)->pins) {
        if (uses >= kMostUses) return std::unexpected{GrantResult::GeneralError};
    }
    return *active;
}

void GrantTable::release_marks(GrantRef ref, const ActiveGrant& active, bool write) {
    SharedGrant shared{*this, ref};
    if (write && !active.write_pinned()) shared.clear_writing();
    if (!active.pinned()) shared.clear_reading();
}

GrantOutcome<PinnedGrant> GrantTable::pin_for_map(GrantRef ref, DomainId user, bool readonly, bool host, bool device) {
    Guard guard{lock_};
    ActiveGrant* active = TRY(enter(ref, user));
    const bool fresh = !active->pinned();
    // Mappings are of whole pages of the granting domain's own.
    if (!fresh && (active->length != 0 || active->transitive_domain != kNoTransit))
        return std::unexpected{GrantResult::GeneralError};
    if (fresh || (!readonly && !active->write_pinned())) {
        SharedGrant shared{*this, ref};
        TRY(shared.mark(user, readonly, fresh, true));
        if (fresh) {
            const GrantOutcome<GrantContents> contents = shared.contents();
            // The guest may have made it something else after it was marked.
            const std::optional<std::uint32_t> frame =
                contents ? granted_frame(*domain_, contents->frame) : std::nullopt;
            if (!frame || contents->transitive || contents->length != 0) {
                release_marks(ref, *active, true);
                return std::unexpected{GrantResult::BadPage};
            }
            *active = {.frame = *frame, .domain = user, .transitive_domain = kNoTransit};
        }
    }
    if (fresh && (host || device)) ++pinned_;
    if (host) ++active->uses(readonly ? GrantUse::HostRead : GrantUse::HostWrite);
    if (device) ++active->uses(readonly ? GrantUse::DeviceRead : GrantUse::DeviceWrite);
    return pinned_grant(*active, domain_->id);
}

// Pins the entry itself; `seen` tells whether it leads on to another domain's.
GrantOutcome<PinnedGrant> GrantTable::pin_for_copy_here(GrantRef ref, DomainId user, bool readonly, bool transitive,
                                                        ActiveGrant& seen) {
    Guard guard{lock_};
    ActiveGrant* active = TRY(enter(ref, user));
    const bool fresh = !active->pinned();
    if (!fresh && !transitive && active->transitive_domain != kNoTransit)
        return std::unexpected{GrantResult::GeneralError};
    if (fresh || (!readonly && !active->write_pinned())) {
        SharedGrant shared{*this, ref};
        TRY(shared.mark(user, readonly, fresh, false));
        if (fresh) {
            const GrantOutcome<GrantContents> contents = shared.contents();
            const std::optional<std::uint32_t> frame =
                contents ? granted_frame(*domain_, contents->frame) : std::nullopt;
            const bool usable =
                contents &&
                (contents->transitive ? transitive && contents->transitive_domain != domain_->id : frame.has_value());
            if (!usable) {
                release_marks(ref, *active, true);
                return std::unexpected{GrantResult::GeneralError};
            }
            *active = {.frame = frame.value_or(0),
                       .transitive_ref = contents->transitive_ref,
                       .domain = user,
                       .transitive_domain = contents->transitive ? contents->transitive_domain : kNoTransit,
                       .start = static_cast<std::uint16_t>(contents->start),
                       .length = static_cast<std::uint16_t>(contents->length)};
        }
    }
    if (fresh) ++pinned_;
    ++active->uses(readonly ? GrantUse::HostRead : GrantUse::HostWrite);
    seen = *active;
    return pinned_grant(*active, domain_->id);
}

// A transitive grant is pinned together with the one that it leads to, once per copy, and no further: a chain of them
// is refused, so that no guest can make hv walk far.
GrantOutcome<PinnedGrant> GrantTable::pin_for_copy(GrantRef ref, DomainId user, bool readonly) {
    ActiveGrant seen;
    const PinnedGrant here = TRY(pin_for_copy_here(ref, user, readonly, true, seen));
    if (seen.transitive_domain == kNoTransit) return here;
    GrantOutcome<PinnedGrant> there = std::unexpected{GrantResult::GeneralError};
    if (seen.transitive_domain < kFirstReservedDomain) {
        if (Result<DomainRef> next = find_domain(seen.transitive_domain)) {
            ActiveGrant last;
            there = (*next)->grants.pin_for_copy_here(seen.transitive_ref, domain_->id, readonly, false, last);
        }
    }
    if (!there) {
        unpin(ref, user, readonly ? GrantUse::HostRead : GrantUse::HostWrite);
        return there;
    }
    there->end_ref = seen.transitive_ref;
    there->end_domain = seen.transitive_domain;
    return there;
}

void GrantTable::unpin(GrantRef ref, DomainId user, GrantUse use) {
    Guard guard{lock_};
    if (ref.raw >= entries()) return;
    ActiveGrant* active = find_active(ref);
    if (!active || active->domain != user || active->uses(use) == 0) return;
    --active->uses(use);
    if (!active->pinned()) --pinned_;
    release_marks(ref, *active, use == GrantUse::HostWrite || use == GrantUse::DeviceWrite);
}

void GrantTable::unpin_copy(GrantRef ref, DomainId user, bool readonly, const PinnedGrant& pinned) {
    const GrantUse use = readonly ? GrantUse::HostRead : GrantUse::HostWrite;
    // The frame that the caller holds keeps the domain at the other end in existence.
    if (pinned.end_domain != kNoTransit) {
        if (Result<DomainRef> next = find_domain(pinned.end_domain))
            (*next)->grants.unpin(pinned.end_ref, domain_->id, use);
    }
    unpin(ref, user, use);
}

GrantOutcome<Mfn> GrantTable::mapped_frame(GrantRef ref, DomainId user) {
    Guard guard{lock_};
    if (ref.raw >= entries()) return std::unexpected{GrantResult::BadHandle};
    const ActiveGrant* active = find_active(ref);
    if (!active || !active->pinned() || active->domain != user) return std::unexpected{GrantResult::BadHandle};
    return Mfn{active->frame};
}

}  // namespace hv
