// The door to PV guests' memory: plain copies that may fault, through the tables that are loaded.
#include "hv/abi/xen/layout.hpp"
#include "hv/base/nospec.hpp"
#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/cpu/smap.hpp"
#include "hv/x86/pv/mmu/guest_tables.hpp"
#include "hv/x86/pv/mmu/linear_tables.hpp"
#include "hv/x86/pv/pv_guest.hpp"
#include "hv/x86/traps/exception_table.hpp"

namespace hv::x86 {
namespace {

bool allowed(GuestVirtual address, std::size_t bytes) {
    if (!guest_range_allowed(address, bytes)) return false;
    const LinearSlots* slots = per_cpu().work.linear_slots;
    return !slots || !slots_hide(*slots, address, bytes);
}

// Of an address that is allowed: never one of hv's, not even while the processor has not made up its mind.
void* pointer_to(GuestVirtual address) {
    constexpr std::uint64_t kStart = abi::xen::kHypervisorVirtStart, kEnd = abi::xen::kHypervisorVirtEnd;
    return reinterpret_cast<void*>(outside_nospec(address.raw, kStart, kEnd - kStart));
}

// Copies and returns how many bytes were not copied.
std::size_t copy_with_fixup(void* to, const void* from, std::size_t bytes) {
    std::size_t left = bytes;
    allow_guest_access();
    if (bytes % 8 == 0 && bytes <= 128) {
        // Small structures, most of what there is: word by word, without the start-up cost of a string instruction.
        std::uint64_t word;
        asm volatile(
            "jmp 3f\n"
            "1: movq (%[from]), %[word]\n"
            "2: movq %[word], (%[to])\n"
            "addq $8, %[from]\n"
            "addq $8, %[to]\n"
            "subq $8, %[left]\n"
            "3: testq %[left], %[left]\n"
            "jnz 1b\n"
            "4:\n" HV_FIXUP("1b", "4b") HV_FIXUP("2b", "4b")
            : [to] "+r"(to), [from] "+r"(from), [left] "+r"(left), [word] "=&r"(word)
            :
            : "memory", "cc");
    } else {
        asm volatile(
            "1: rep movsb\n"
            "2:\n" HV_FIXUP("1b", "2b")
            : "+D"(to), "+S"(from), "+c"(left)
            :
            : "memory");
    }
    forbid_guest_access();
    return left;
}

}  // namespace

[[gnu::hot]] Result<> PvGuest::copy_from(void* to, GuestVirtual from, std::size_t bytes) const {
    if (!allowed(from, bytes)) return fail(Error::Fault);
    if (copy_with_fixup(to, pointer_to(from), bytes) != 0) return fail(Error::Fault);
    return {};
}

[[gnu::hot]] Result<> PvGuest::copy_to(GuestVirtual to, const void* from, std::size_t bytes) const {
    if (!allowed(to, bytes)) return fail(Error::Fault);
    if (copy_with_fixup(pointer_to(to), from, bytes) != 0) return fail(Error::Fault);
    return {};
}

Result<> PvGuest::clear(GuestVirtual to, std::size_t bytes) const {
    if (!allowed(to, bytes)) return fail(Error::Fault);
    void* at = pointer_to(to);
    std::size_t left = bytes;
    allow_guest_access();
    asm volatile(
        "1: rep stosb\n"
        "2:\n" HV_FIXUP("1b", "2b")
        : "+D"(at), "+c"(left)
        : "a"(0)
        : "memory");
    forbid_guest_access();
    return left == 0 ? Result<>{} : fail(Error::Fault);
}

}  // namespace hv::x86
