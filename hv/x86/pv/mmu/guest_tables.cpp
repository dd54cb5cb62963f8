#include "hv/x86/pv/mmu/guest_tables.hpp"

#include "hv/abi/xen/layout.hpp"
#include "hv/domain/domain.hpp"
#include "hv/x86/paging/layout.hpp"
#include "hv/x86/paging/walk.hpp"
#include "hv/x86/pv/mmu/entry_references.hpp"
#include "hv/x86/pv/mmu/linear_tables.hpp"
#include "hv/x86/pv/pv_guest.hpp"
#include "hv/x86/pv/pv_vcpu.hpp"

namespace hv::x86 {
namespace {

// Large pages are not on offer.
struct GuestFormat {
    using Entry = Pte;
    static constexpr unsigned kLevels = kTableLevels;
    static Pte* table(Mfn frame) { return static_cast<Pte*>(frame_pointer(frame)); }
    static bool leads_on(Pte entry, unsigned) { return is_present(entry); }
    static Mfn frame(Pte entry) { return frame_in(entry); }
};

// Not through tables that are named by one of their own level, which lead to hv's.
Mfn walk_to_l1(const Domain& domain, Mfn l4, std::uint64_t address) {
    if (!canonical(address)) return kInvalidMfn;  // nothing is mapped there, whatever its lower bits find
    if (index_in(4, address) >= abi::xen::kFirstHypervisorSlot && index_in(4, address) <= abi::xen::kLastHypervisorSlot)
        return kInvalidMfn;
    if (domain.linear_tables && slots_hide(pv(domain).linear_slots, GuestVirtual{address}, 1)) return kInvalidMfn;
    const auto [place, entry, level] = walk<GuestFormat>(l4, address, 2);
    return level == 2 && is_present(entry) ? frame_in(entry) : kInvalidMfn;
}

Pte l1_entry(const Domain& domain, const FrameInfo* l4, GuestVirtual address) {
    if (!l4) return 0;
    const Mfn l1 = walk_to_l1(domain, frame_number(*l4), address.raw);
    return l1 == kInvalidMfn ? 0 : __atomic_load_n(GuestFormat::table(l1) + index_in(1, address.raw), __ATOMIC_RELAXED);
}

}  // namespace

bool PvGuest::address_allowed(GuestVirtual address, std::uint64_t bytes) const {
    return guest_range_allowed(address, bytes);
}

Pte guest_l1_entry(const Vcpu& vcpu, GuestVirtual address) {
    const PvVcpu& arch = pv(vcpu);
    return l1_entry(vcpu.domain, arch.kernel_mode ? arch.kernel_table : arch.user_table, address);
}

Pte guest_kernel_l1_entry(const Vcpu& vcpu, GuestVirtual address) {
    return l1_entry(vcpu.domain, pv(vcpu).kernel_table, address);
}

Mfn guest_l1_table(const Vcpu& vcpu, GuestVirtual address) {
    const PvVcpu& arch = pv(vcpu);
    return arch.kernel_table ? walk_to_l1(vcpu.domain, frame_number(*arch.kernel_table), address.raw) : kInvalidMfn;
}

}  // namespace hv::x86
