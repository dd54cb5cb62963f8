// A few words of the memory of the PV guest that runs, for its ways in and out of hv, where a call and a copy would
// take most of the time: one check and one window of SMAP for all of them.
//
//   const std::optional<std::uint64_t*> words = guest_words(at, 2 * sizeof(std::uint64_t));
//   if (!words) goto fault;
//   allow_guest_access();
//   HV_STORE_WORD((*words)[0], first, fault_within);
//   HV_STORE_WORD((*words)[1], second, fault_within);
//   forbid_guest_access();      // and after fault_within, too
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "hv/base/nospec.hpp"
#include "hv/base/types.hpp"
#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/cpu/smap.hpp"
#include "hv/x86/pv/mmu/guest_tables.hpp"
#include "hv/x86/pv/mmu/linear_tables.hpp"
#include "hv/x86/traps/exception_table.hpp"

namespace hv::x86 {

// May hv touch [address, address + bytes) for the guest? Not where one of its tables of the same level shows, either.
[[gnu::always_inline]] inline bool may_touch(GuestVirtual address, std::size_t bytes) {
    if (!guest_range_allowed(address, bytes)) [[unlikely]]
        return false;
    const LinearSlots* slots = per_cpu().work.linear_slots;
    if (!slots) [[likely]]
        return true;
    return !slots_hide(*slots, address, bytes);
}

// Of an address that may be touched: never one of hv's, not even while the processor has not made up its mind.
[[gnu::always_inline]] inline void* guest_pointer(GuestVirtual address) {
    // Half of each, since mask_if_below() takes no more than 63 bits.
    const std::uint64_t half = (address.raw - kGuestRangeStart) / 2;
    return reinterpret_cast<void*>(address.raw & mask_if_below(half, kGuestRangeSize / 2));
}

// Nothing when the guest may not have them touched. A fault is still possible: HV_STORE_WORD says where to go then.
[[gnu::always_inline]] inline std::optional<std::uint64_t*> guest_words(GuestVirtual address, std::size_t bytes) {
    if (!may_touch(address, bytes)) [[unlikely]]
        return std::nullopt;
    return static_cast<std::uint64_t*>(guest_pointer(address));
}

// Stores `value` in `word`, an lvalue in guest memory; on a fault goes to label `fault` of the same function.
#define HV_STORE_WORD(word, value, fault) \
    asm goto("1: movq %1, %0\n" HV_FIXUP("1b", "%l[" #fault "]") : : "m"(word), "er"(value) : : fault)

}  // namespace hv::x86
