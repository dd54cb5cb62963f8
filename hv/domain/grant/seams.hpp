// How a grant becomes a mapping in a PV guest's page tables. Implemented by x86/pv and by the tests.
//
// `where` and `flags` are the guest's (abi GnttabMapGrantRef): without kGntmapContainsPte `where.address` is a
// page-aligned virtual address in the vCPU's current address space whose L1 entry is meant; with it, it is the
// machine address of an L1 entry in a page table that the vCPU's domain owns. kGntmapApplicationMap makes the
// mapping accessible from user mode (virtual addresses only matter to the entry's user bit; a PV kernel runs in user
// mode, so this is the guest's wish for its own bookkeeping), kGntmapReadonly makes it read-only; the
// guest-available bits go where the processor leaves room.
//
// References: the caller passes with map_grant() one general reference of the frame, and one Writable type reference
// unless the mapping is read-only. They belong to the page-table entry from then on, exactly as if the guest had
// written it: when the guest destroys the entry by other means (an update, the end of the page table), put_l1_entry()
// drops them. When unmap_grant() or replace_grant() succeed, the entry has been cleared WITHOUT dropping them: they are
// the caller's again, who drops them after flush_grant_mappings().
//
// Error::Restart of any of the three: nothing was done, since other vCPUs of the domain
// keep the page table busy; ask again.
#pragma once

#include <cstdint>

#include "hv/base/result.hpp"
#include "hv/base/types.hpp"

namespace hv {

class Domain;
class Vcpu;

struct GrantPlace {
    std::uint64_t address;
    std::uint32_t flags;
};

// Writes the entry. Whatever it mapped before is dropped as by an update. BadArgument:
// no such entry, or not the guest's.
Result<> map_grant(Vcpu& vcpu, GrantPlace where, Mfn frame);
// Clears the entry if it maps `frame` with the access that `flags` say. BadArgument otherwise.
Result<> unmap_grant(Vcpu& vcpu, GrantPlace where, Mfn frame);
// As unmap_grant, but the entry takes over what the L1 entry of virtual address `other`, another one, maps, and
// that one is cleared (`other` 0: as unmap_grant).
Result<> replace_grant(Vcpu& vcpu, GrantPlace where, Mfn frame, GuestVirtual other);
// After a batch of unmap_grant() and replace_grant(): no CPU that ran the domain has an old translation any more.
void flush_grant_mappings(Domain& domain);

}  // namespace hv
