// Looking into a vCPU's page tables through the direct map.
#pragma once

#include "hv/base/types.hpp"
#include "hv/x86/pv/mmu/page_table_entry.hpp"

namespace hv {
class Vcpu;
}

namespace hv::x86 {

// Is all of [address, address + bytes) canonical and outside hv's part of the address space?
bool guest_range_allowed(GuestVirtual address, std::uint64_t bytes);

// The L1 entry that maps `address` in the page tables that are loaded; 0 when a table above is
// missing or the address is not canonical.
Pte guest_l1_entry(const Vcpu& vcpu, GuestVirtual address);
// The same in the vCPU's kernel page tables, whatever mode it is in.
Pte guest_kernel_l1_entry(const Vcpu& vcpu, GuestVirtual address);
// The L1 table for `address` in the vCPU's kernel page tables, kInvalidMfn when a table above is missing.
Mfn guest_l1_table(const Vcpu& vcpu, GuestVirtual address);

}  // namespace hv::x86
