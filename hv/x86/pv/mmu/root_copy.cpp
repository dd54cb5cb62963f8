#include "hv/x86/pv/mmu/root_copy.hpp"

#include "hv/domain/domain.hpp"
#include "hv/x86/paging/layout.hpp"
#include "hv/x86/pv/pv_vcpu.hpp"

namespace hv::x86 {
namespace {

bool is_copied(unsigned slot) {
    return slot < kFirstHvSlot || slot > kLastHvSlot || slot == kM2pReadOnlySlot;
}

Pte without_tables(Pte entry, Mfn l4, Mfn copy) {
    if (!is_present(entry)) return 0;
    if (frame_in(entry) == l4) return make_pte(copy, entry & ~kPteFrameMask);
    return frame_info(frame_in(entry)).frame_type() == FrameType::L4 ? 0 : entry;
}

}  // namespace

void copy_root(Pte* to, Mfn copy, const Domain& domain, Mfn l4) {
    const auto* from = static_cast<const Pte*>(frame_pointer(l4));
    const LinearSlots* linear = domain.linear_tables ? &pv(domain).linear_slots : nullptr;
    for (unsigned slot = 0; slot < kEntriesPerTable; ++slot) {
        if (!is_copied(slot)) continue;
        Pte entry = __atomic_load_n(&from[slot], __ATOMIC_RELAXED);
        if (linear && ((linear->words[slot / 64].load(std::memory_order_relaxed) >> (slot % 64)) & 1))
            entry = without_tables(entry, l4, copy);
        to[slot] = entry;
    }
}

}  // namespace hv::x86
