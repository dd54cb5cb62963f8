// Looking into a vCPU's page tables through the direct map.
#pragma once

#include <cstdint>

#include "hv/abi/xen/layout.hpp"
#include "hv/base/nospec.hpp"
#include "hv/base/types.hpp"
#include "hv/x86/pv/mmu/page_table_entry.hpp"

namespace hv {
class Vcpu;
}

namespace hv::x86 {

// What a PV guest may name begins after hv's part of the address space and goes on, past its end, in the lower half.
inline constexpr std::uint64_t kGuestRangeStart = abi::xen::kHypervisorVirtEnd;
inline constexpr std::uint64_t kGuestRangeSize = 0x0000'8000'0000'0000 - kGuestRangeStart;

// Is all of [address, address + bytes) canonical and outside hv's part of the address space? It ends with the address
// space at the latest.
inline bool guest_range_allowed(GuestVirtual address, std::uint64_t bytes) {
    if (bytes > kGuestRangeSize || address.raw - kGuestRangeStart > kGuestRangeSize - bytes) return false;
    const std::uint64_t end = address.raw + bytes;
    return end >= address.raw || end == 0;
}

// The address, which is allowed; 0 where the processor only guesses that it is.
inline std::uint64_t guest_address_nospec(GuestVirtual address) {
    // Half of each, since mask_if_below() takes no more than 63 bits.
    return address.raw & mask_if_below((address.raw - kGuestRangeStart) / 2, kGuestRangeSize / 2);
}

// The L1 entry that maps `address` in the page tables that are loaded; 0 when a table above is
// missing or the address is not canonical.
Pte guest_l1_entry(const Vcpu& vcpu, GuestVirtual address);
// The same in the vCPU's kernel page tables, whatever mode it is in.
Pte guest_kernel_l1_entry(const Vcpu& vcpu, GuestVirtual address);
// The L1 table for `address` in the vCPU's kernel page tables, kInvalidMfn when a table above is missing.
Mfn guest_l1_table(const Vcpu& vcpu, GuestVirtual address);

}  // namespace hv::x86
