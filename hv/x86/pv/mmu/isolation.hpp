// Page-table isolation, against processors where a program reads what its page tables map for the supervisor
// (Meltdown): while an isolated guest runs, its root table has of hv the text of the ways in and out, this CPU's
// descriptor tables and the stacks that a way in pushes to, and nothing else.
//
// hv runs on the guest's own L4 table, as with any guest. Each CPU has two tables of its own to leave to, for the two
// modes of a guest's vCPU: copies of the guest's part of its L4 table, made anew when they are not of this table or its
// version is another (roots.hpp). In them other pages stand in the place of the CPU's stacks: what a way in pushes gets
// there, and it moves it to the stack proper when it has changed CR3 (traps/measures.h). So entry code pushes to the
// same addresses with and without isolation, and nothing that hv keeps on its stacks can be read.
//
// hv's entries are not global where any guest is isolated: each change of CR3 empties the TLB, and no process context
// identifiers are used.
#pragma once

#include <cstdint>

#include "hv/base/result.hpp"
#include "hv/base/types.hpp"

namespace hv::x86 {

struct TrapFrame;

// Bring-up, after the CPU's descriptor windows.
Result<> create_isolated_roots(CpuId cpu);

// The last C++ of the way out: CR3 for the guest, or 0 when it stays on its L4 table. The frame is also where the
// guest's tables have it then.
extern "C" std::uint64_t root_for_guest(const TrapFrame& frame);

}  // namespace hv::x86
