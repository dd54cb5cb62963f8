// The audit's part that grant tables know.
#include <array>

#include "hv/abi/xen/grant_table.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/domain_table.hpp"
#include "hv/domain/grant/table.hpp"
#include "hv/memory/audit.hpp"

namespace hv {
namespace {

using namespace abi::xen;

constexpr std::uint16_t kMapped = kGntmapHostMap | kGntmapDeviceMap;

// How often `user` has mapped `granter`'s entry in each way, by GrantUse.
std::array<std::uint32_t, 4> count_mappings(const Domain& user, DomainId granter, GrantRef ref) {
    std::array<std::uint32_t, 4> uses{};
    const Maptrack& maptrack = user.grants.maptrack;
    for (GrantHandle handle = 0; handle < maptrack.capacity(); ++handle) {
        const GrantMapping& mapping = *maptrack.find(handle);
        const std::uint16_t flags = mapping.flags.load();
        if (!(flags & kMapped) || mapping.domain.load() != granter || mapping.ref() != ref) continue;
        const bool readonly = flags & kGntmapReadonly;
        if (flags & kGntmapHostMap) ++uses[static_cast<unsigned>(readonly ? GrantUse::HostRead : GrantUse::HostWrite)];
        if (flags & kGntmapDeviceMap)
            ++uses[static_cast<unsigned>(readonly ? GrantUse::DeviceRead : GrantUse::DeviceWrite)];
    }
    return uses;
}

}  // namespace

void GrantTable::audit(FrameAudit& audit) const {
    if (!domain_) return;
    const DomainId self = domain_->id;
    for (std::uint32_t i = 0; i < frames_; ++i) audit.show(shared_[i].page.frame(), self);
    for (std::uint32_t i = 0; i < status_frames_; ++i) audit.show(status_[i].frame(), version_ == 2 ? self : kOwnerHv);
    if (frames_ > max_frames_ || frames_ > capacity_ || status_frames_ > status_frames_for(capacity_) ||
        (version_ == 2 && status_frames_ < status_frames_for(frames_)))
        audit.complain("d{}: {} grant frames and {} of status, version {}", self, frames_, status_frames_, version_);

    // Each entry that is pinned: as often as its user has mapped it.
    std::uint32_t pinned = 0;
    for_each_pinned([&](GrantRef ref, const ActiveGrant& active) {
        ++pinned;
        const Domain* user = domain_in_table(active.domain);
        const std::array<std::uint32_t, 4> uses =
            user ? count_mappings(*user, self, ref) : std::array<std::uint32_t, 4>{};
        for (unsigned use = 0; use < uses.size(); ++use)
            if (uses[use] != active.pins[use])
                audit.complain("d{}'s grant {}: {} uses of kind {} by d{}, which has {}", self, ref, active.pins[use],
                               use, active.domain, uses[use]);
    });
    if (pinned != pinned_) audit.complain("d{}: {} grants are pinned, {} counted", self, pinned, pinned_);

    // References of host mappings are in page tables; those of device mappings are here.
    for (GrantHandle handle = 0; handle < maptrack.capacity(); ++handle) {
        const GrantMapping& mapping = *maptrack.find(handle);
        const std::uint16_t flags = mapping.flags.load();
        if (flags & GrantMapping::kClaimed) audit.complain("d{}'s mapping {}: still claimed", self, handle);
        if (!(flags & kMapped)) continue;
        const Domain* granter = domain_in_table(mapping.domain.load());
        const GrantRef ref = mapping.ref();
        const ActiveGrant* active =
            granter && ref.raw < granter->grants.entries() ? granter->grants.find_active(ref) : nullptr;
        const bool alive = active && active->pinned() && active->domain == self;
        if (!(flags & kGntmapDeviceMap)) {
            // The table of a domain that is being destroyed goes before the domain.
            const bool going = granter && granter->dying.load() != Dying::Alive && ref.raw >= granter->grants.entries();
            if (granter && !alive && !going)
                audit.complain("d{}'s mapping {}: of d{}'s grant {}, which does not know it", self, handle, granter->id,
                               ref);
            continue;
        }
        if (!alive) {
            audit.complain("d{}'s mapping {} for devices: of d{}'s grant {}, which is gone", self, handle,
                           mapping.domain.load(), ref);
        } else if (flags & kGntmapReadonly) {
            audit.reference(Mfn{active->frame});
        } else {
            audit.use(Mfn{active->frame}, FrameType::Writable);
        }
    }
}

}  // namespace hv
