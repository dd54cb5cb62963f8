// The door to PV guests' memory: plain copies that may fault, through the tables that are loaded.
#include "hv/x86/pv/mmu/guest_words.hpp"
#include "hv/x86/pv/pv_guest.hpp"

namespace hv::x86 {
namespace {

// False when not all could be copied.
[[gnu::always_inline]] inline bool copy_with_fixup(void* to, const void* from, std::size_t bytes) {
    std::size_t left = bytes;
    allow_guest_access();
    if (bytes % 8 == 0 && bytes <= 128) {
        // Small structures, most of what there is: word by word, without the start-up cost of a string instruction.
        std::uint64_t word;
        asm volatile(
            "negq %[left]\n"
            "jz 4f\n"
            "1: movq (%[from],%[left]), %[word]\n"
            "2: movq %[word], (%[to],%[left])\n"
            "addq $8, %[left]\n"
            "jnz 1b\n"
            "4:\n" HV_FIXUP("1b", "4b") HV_FIXUP("2b", "4b")
            : [left] "+&r"(left), [word] "=&r"(word)
            : [to] "r"(static_cast<char*>(to) + bytes), [from] "r"(static_cast<const char*>(from) + bytes)
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
    return left == 0;
}

}  // namespace

[[gnu::hot]] Result<> PvGuest::copy_from(void* to, GuestVirtual from, std::size_t bytes) const {
    if (!may_touch(from, bytes)) return fail(Error::Fault);
    if (!copy_with_fixup(to, guest_pointer(from), bytes)) return fail(Error::Fault);
    return {};
}

[[gnu::hot]] Result<> PvGuest::copy_to(GuestVirtual to, const void* from, std::size_t bytes) const {
    if (!may_touch(to, bytes)) return fail(Error::Fault);
    if (!copy_with_fixup(guest_pointer(to), from, bytes)) return fail(Error::Fault);
    return {};
}

Result<> PvGuest::clear(GuestVirtual to, std::size_t bytes) const {
    if (!may_touch(to, bytes)) return fail(Error::Fault);
    void* at = guest_pointer(to);
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
