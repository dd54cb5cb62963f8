// Changing one entry of a live page table.
#pragma once

#include "hv/base/result.hpp"
#include "hv/domain/vcpu.hpp"
#include "hv/memory/frame.hpp"
#include "hv/x86/pv/mmu/page_table_entry.hpp"
#include "hv/x86/pv/pv_vcpu.hpp"

namespace hv {
class Domain;
}

namespace hv::x86 {

// Writes entry `index` of `table`, which the caller has locked as a table of level `level` (table_lock.hpp); references
// move with it. `keep_accessed` merges accessed and dirty bits that the processor set meanwhile.
// Error::Restart: nothing was written, ask again. After success the vCPU may have unfinished work (finish_unfinished).
Result<> update_entry(FrameInfo& table, unsigned level, unsigned index, Pte value, Domain& table_owner,
                      DomainId frame_owner, bool keep_accessed);
// The same, for read-modify-write instructions: only if the entry is still `expected`. Error::Again: it is not.
Result<> replace_entry(FrameInfo& table, unsigned level, unsigned index, Pte expected, Pte value, Domain& table_owner);
// An entry at a machine address, in whatever frame: a page table of any level, or plain memory of `table_owner`.
Result<> update_entry_at(MachineAddress where, Pte value, Domain& table_owner, DomainId frame_owner,
                         bool keep_accessed);

// Undoing a large table tree is preempted and put aside with the vCPU. Whatever may put something aside
// (every page-table hypercall, every emulated instruction that changes a table or leaves one) starts by going
// on with what is there, and stops after the step that made more: an update of one entry leaves two at most,
// the tree that was there and the table itself.
inline bool has_unfinished(const Vcpu& vcpu) {
    const PvVcpu& arch = pv(vcpu);
    return arch.unfinished[0] || arch.unfinished[1];
}
// Error::Restart while there is more to do.
Result<> finish_what_is_unfinished(Vcpu& vcpu);
inline Result<> finish_unfinished(Vcpu& vcpu) {
    return has_unfinished(vcpu) ? finish_what_is_unfinished(vcpu) : Result<>{};
}
// The caller gives up a general reference on `info`, whose undoing was preempted. Does no work itself, ever.
void put_aside(Vcpu& vcpu, FrameInfo& info);
// The same, but only if undoing its type (`undone`) was preempted; otherwise the reference goes at once.
void put_frame_or_aside(Vcpu& vcpu, FrameInfo& info, const Result<>& undone);
// Gives up a page table's type and a general reference on it; what is too much for now is put aside.
void put_table(Vcpu& vcpu, FrameInfo& table);

}  // namespace hv::x86
