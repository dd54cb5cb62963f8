// The end of a domain: its mappings of others' grants, and its own table.
#include "hv/domain/domain.hpp"
#include "hv/domain/grant/table.hpp"
#include "hv/machine/preemption.hpp"
#include "hv/memory/frame.hpp"

namespace hv {

using namespace abi::xen;

namespace {

// The references of page-table entries went with the page tables. Those of device mappings are held here.
void forget(Domain& user, const GrantMapping& mapping, std::uint16_t flags) {
    const Result<DomainRef> granter = find_domain(mapping.domain.load(std::memory_order_relaxed));
    if (!granter) return;
    GrantTable& table = (*granter)->grants;
    const GrantRef ref = mapping.ref();
    const bool readonly = flags & kGntmapReadonly;
    if (flags & kGntmapDeviceMap) {
        const GrantOutcome<Mfn> frame = table.mapped_frame(ref, user.id);
        table.unpin(ref, user.id, readonly ? GrantUse::DeviceRead : GrantUse::DeviceWrite);
        if (frame) {
            FrameInfo& info = frame_info(*frame);
            if (!readonly) put_frame_type(info);
            put_frame(info);
        }
    }
    if (flags & kGntmapHostMap) table.unpin(ref, user.id, readonly ? GrantUse::HostRead : GrantUse::HostWrite);
}

}  // namespace

Result<> GrantTable::release_mappings() {
    constexpr GrantHandle kBetweenLooks = 64;
    while (next_release_ < maptrack.capacity()) {
        GrantMapping& mapping = *maptrack.find(next_release_);
        const std::uint16_t flags = mapping.flags.exchange(0, std::memory_order_acq_rel);
        if (flags & (kGntmapHostMap | kGntmapDeviceMap)) forget(*domain_, mapping, flags);
        if (++next_release_ % kBetweenLooks == 0 && preemption_needed()) return fail(Error::Restart);
    }
    return {};
}

Result<> GrantTable::release_pages() {
    for (;;) {
        {
            Guard guard{lock_};
            if (frames_ == 0) {
                free_status();
                return {};
            }
            free_last_frame();
        }
        if (preemption_needed()) return fail(Error::Restart);
    }
}

}  // namespace hv
