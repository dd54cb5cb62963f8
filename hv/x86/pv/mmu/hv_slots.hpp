// The part of every address space that is hv's.
#pragma once

#include "hv/x86/paging/layout.hpp"
#include "hv/x86/pv/mmu/page_table_entry.hpp"

namespace hv::x86 {

// Copies hv's slots into a guest's L4 table. They never change after bring-up, and are the same in all tables. But
// one: the machine-to-phys table is open to ring 3, where kernels run, and is only there in tables that some vCPU has
// loaded as its kernel's, not in those of user mode.
void install_hv_slots(Pte* table);
// Before the guest has the table back as memory: where hv's own tables are is not for it to read.
void remove_hv_slots(Pte* table);
bool show_m2p(Pte* table);  // true when it was not shown before
// True when it was shown: TLBs may have it.
bool hide_m2p(Pte* table);

}  // namespace hv::x86
