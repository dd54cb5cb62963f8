#include "hv/x86/pv/hv_slots.hpp"

#include "hv/memory/frame.hpp"

namespace hv::x86 {

void install_hv_slots(Pte* table) {
    const auto* own = static_cast<const Pte*>(frame_pointer(frame_of(hv_page_table())));
    for (unsigned slot = kFirstHvSlot; slot <= kLastHvSlot; ++slot) table[slot] = own[slot];
}

}  // namespace hv::x86
