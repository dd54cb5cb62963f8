#include "hv/x86/pv/mmu/hv_slots.hpp"

#include "hv/memory/frame.hpp"
#include "hv/x86/paging/hv_tables.hpp"

namespace hv::x86 {

namespace {

Pte own_entry(unsigned slot) {
    return static_cast<const Pte*>(frame_pointer(frame_of(hv_page_table())))[slot];
}

}  // namespace

void remove_hv_slots(Pte* table) {
    for (unsigned slot = kFirstHvSlot; slot <= kLastHvSlot; ++slot) table[slot] = 0;
}

void install_hv_slots(Pte* table) {
    for (unsigned slot = kFirstHvSlot; slot <= kLastHvSlot; ++slot)
        table[slot] = slot == kM2pReadOnlySlot ? 0 : own_entry(slot);
}

bool show_m2p(Pte* table) {
    Pte& entry = table[kM2pReadOnlySlot];
    if (__atomic_load_n(&entry, __ATOMIC_RELAXED) != 0) return false;
    __atomic_store_n(&entry, own_entry(kM2pReadOnlySlot), __ATOMIC_RELEASE);
    return true;
}

bool hide_m2p(Pte* table) {
    Pte& entry = table[kM2pReadOnlySlot];
    return __atomic_load_n(&entry, __ATOMIC_RELAXED) != 0 && __atomic_exchange_n(&entry, 0, __ATOMIC_ACQ_REL) != 0;
}

}  // namespace hv::x86
