// The references that a page-table entry stands for: taken when it is written, given back when it is overwritten.
#pragma once

#include "hv/base/result.hpp"
#include "hv/memory/frame.hpp"
#include "hv/x86/pv/mmu/page_table_entry.hpp"

namespace hv {
class Domain;
}

namespace hv::x86 {

// Takes what an L1 entry in a table of `table_owner` needs to map a frame of `frame_owner`.
// Error::BadArgument: forbidden bits, a frame that is not frame_owner's, or a writable mapping of a typed frame.
// Error::Restart: the frame holds parked work that must be undone first.
Result<> get_l1_entry(Pte entry, Domain& table_owner, DomainId frame_owner);
void put_l1_entry(Pte entry);

// May tables of that level of the domain hold this entry, which is not present? A processor with L1TF speculatively
// reads the memory that such an entry names from its cache, whichever domain owns that memory. Where that is to be
// prevented, an entry that names memory is refused rather than changed: the guest keeps something of its own there
// (where a page was swapped to), and would read something else than it wrote. Kernels that know of the leak write none.
bool absent_entry_allowed(Pte entry, unsigned level, const Domain& table_owner);

// May tables of the domain hold this L1 entry, as far as its bits go? Caching is for domains with I/O
// resources to choose: others have no device that would care, and memory that is written past the
// caches is not what hv reads through them.
bool l1_bits_allowed(Pte entry, const Domain& table_owner);
// Notes what a present entry may do to the frame: to be called before it is written, with its references held.
void note_caching(Pte entry);

// Entry `index` of an L2, L3 or L4 table holds a table of the level below, or where the domain may have that one of its
// own level (linear_tables.hpp). Error::Restart: as of get_frame_type and put_frame_type_preemptible.
Result<> get_upper_entry(Pte entry, FrameInfo& table, unsigned level, unsigned index, Domain& owner);
Result<> put_upper_entry(Pte entry, FrameInfo& table, unsigned level);
// Only the type: the caller has a use for the general reference. Null when the entry has none.
FrameInfo* put_upper_type(Pte entry, FrameInfo& table, unsigned level, Result<>& put);

// What is really written for an L1 entry that the guest asked for: the user bit that a kernel in ring 3 needs, and no
// write access to hv's own devices, which Dom0's firmware code may read.
Pte adjust_l1(Pte entry);

}  // namespace hv::x86
