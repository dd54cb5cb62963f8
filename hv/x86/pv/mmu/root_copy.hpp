// The guest's part of an L4 table, for a table that has of hv something else.
#pragma once

#include <cstdint>

#include "hv/x86/pv/mmu/page_table_entry.hpp"

namespace hv {
class Domain;
}

namespace hv::x86 {

// Copies what `l4`, a table of the domain, has of the guest's, and the machine-to-physical table if it shows that, to
// the table at `to`, which is in frame `copy`. An entry that names an L4 table (linear_tables.hpp) would lead to all of
// hv: where `l4` names itself the copy does, other tables are left out.
void copy_root(Pte* to, Mfn copy, const Domain& domain, Mfn l4);

}  // namespace hv::x86
