#include "hv/x86/pv/mmu/guest_tables.hpp"

#include "hv/abi/xen/layout.hpp"
#include "hv/domain/domain.hpp"
#include "hv/x86/paging/layout.hpp"
#include "hv/x86/pv/mmu/entry_references.hpp"
#include "hv/x86/pv/mmu/linear_tables.hpp"
#include "hv/x86/pv/pv_guest.hpp"
#include "hv/x86/vcpu/arch_vcpu.hpp"

namespace hv::x86 {
namespace {

Pte read_entry(Mfn table, unsigned index) {
    const auto* entries = static_cast<const Pte*>(frame_pointer(table));
    return __atomic_load_n(&entries[index], __ATOMIC_RELAXED);
}

// Not through tables that are named by one of their own level, which lead to hv's.
Mfn walk_to_l1(const Domain& domain, Mfn l4, std::uint64_t address) {
    if (!canonical(address)) return kInvalidMfn;  // nothing is mapped there, whatever its lower bits find
    if (index_in_l4(address) >= abi::xen::kFirstHypervisorSlot && index_in_l4(address) <= abi::xen::kLastHypervisorSlot)
        return kInvalidMfn;
    if (domain.linear_tables && slots_hide(domain.arch->linear_slots, GuestVirtual{address}, 1)) return kInvalidMfn;
    const Pte l4e = read_entry(l4, index_in_l4(address));
    if (!is_present(l4e)) return kInvalidMfn;
    const Pte l3e = read_entry(frame_in(l4e), index_in_l3(address));
    if (!is_present(l3e)) return kInvalidMfn;
    const Pte l2e = read_entry(frame_in(l3e), index_in_l2(address));
    if (!is_present(l2e)) return kInvalidMfn;
    return frame_in(l2e);
}

Pte l1_entry(const Domain& domain, const FrameInfo* l4, GuestVirtual address) {
    if (!l4) return 0;
    const Mfn l1 = walk_to_l1(domain, frame_number(*l4), address.raw);
    return l1 == kInvalidMfn ? 0 : read_entry(l1, index_in_l1(address.raw));
}

}  // namespace

bool guest_range_allowed(GuestVirtual address, std::uint64_t bytes) {
    const std::uint64_t end = address.raw + bytes;
    if (end < address.raw && end != 0) return false;
    if (address.raw < 0x0000'8000'0000'0000) return end <= 0x0000'8000'0000'0000;
    return address.raw >= abi::xen::kHypervisorVirtEnd;
}

bool PvGuest::address_allowed(GuestVirtual address, std::uint64_t bytes) const {
    return guest_range_allowed(address, bytes);
}

Pte guest_l1_entry(const Vcpu& vcpu, GuestVirtual address) {
    const ArchVcpu& arch = *vcpu.arch;
    return l1_entry(vcpu.domain, arch.kernel_mode ? arch.kernel_table : arch.user_table, address);
}

Pte guest_kernel_l1_entry(const Vcpu& vcpu, GuestVirtual address) {
    return l1_entry(vcpu.domain, vcpu.arch->kernel_table, address);
}

Mfn guest_l1_table(const Vcpu& vcpu, GuestVirtual address) {
    const ArchVcpu& arch = *vcpu.arch;
    return arch.kernel_table ? walk_to_l1(vcpu.domain, frame_number(*arch.kernel_table), address.raw) : kInvalidMfn;
}

}  // namespace hv::x86
