// Linear page tables: entries that name a table of their own level, so that the processor shows tables as memory.
// Domains that were created so may have them, under rules that keep tables out of reach and their end short:
//
// - The entry is read-only, and so is all that is seen through it.
// - A table may name itself. That takes no reference: the entry goes with the table.
// - A table may name others of its level; then no third one may name it (FrameInfo::linear). So an entry of this kind
//   never leads to another one, and no circle of tables keeps itself alive.
// - The part of the address space that such an entry of an L4 table translates would also show what is hv's there, to
//   hv itself: no hypercall takes an address in it.
#pragma once

#include <cstddef>

#include "hv/base/result.hpp"
#include "hv/memory/frame.hpp"
#include "hv/x86/pv/mmu/page_table_entry.hpp"

namespace hv {
class Domain;
}

namespace hv::x86 {

struct LinearSlots;

// Does the entry, for which a table of `level` holds references, name a table of the same level?
inline bool is_linear(Pte entry, unsigned level) {
    return static_cast<unsigned>(frame_info(frame_in(entry)).frame_type()) == level;
}

// Takes what entry `index` of `table` needs to name `target`, of which the caller holds a general reference, or gives
// the type reference back; for another table than itself.
Result<> get_linear(FrameInfo& table, FrameInfo& target, unsigned level);
Result<> put_linear(FrameInfo& table, FrameInfo& target);

// From here on no hypercall of the domain takes an address that this L4 entry translates, on any CPU.
void hide_slot(Domain& domain, unsigned index);
bool slots_hide(const LinearSlots& slots, GuestVirtual address, std::size_t bytes);

}  // namespace hv::x86
