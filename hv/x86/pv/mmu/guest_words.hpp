// A few words of the memory of the PV guest that runs, for its ways in and out of hv, where a call and a copy would
// take most of the time: one check and one window of SMAP for all of them.
//
//   if (!may_touch(at, 2 * sizeof(std::uint64_t))) return false;
//   auto* const words = static_cast<std::uint64_t*>(guest_pointer(at));
//   allow_guest_access();
//   HV_STORE_WORD(words[0], first, fault);
//   HV_STORE_WORD(words[1], second, fault);
//   forbid_guest_access();  // and after `fault`, too
//
// The refusal returns at once. If it led back to the other path, a processor that guesses ahead could go on there with
// a pointer that was refused.
#pragma once

#include <cstddef>
#include <cstdint>

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

// Of an address that may be touched: never one of hv's, not even speculatively.
[[gnu::always_inline]] inline void* guest_pointer(GuestVirtual address) {
    return reinterpret_cast<void*>(guest_address_nospec(address));
}

// Stores `value` in `word`, an lvalue in guest memory; on a fault goes to label `fault` of the same function. The
// compiler is not told that memory changes: it knows nothing of what is there.
#define HV_STORE_WORD(word, value, fault) \
    asm goto("1: movq %1, %0\n" HV_FIXUP("1b", "%l[" #fault "]") : : "m"(word), "er"(value) : : fault)

}  // namespace hv::x86
