// Supervisor-mode access prevention: guest memory can only be touched between these two. They are NOPs until the CPU is
// known to have SMAP (patch_smap()). Only the guest-access door uses them.
#pragma once

namespace hv::x86 {

#define HV_PATCHABLE_SMAP(last_byte)      \
    "771: .byte 0x0f, 0x1f, 0x00\n"       \
    ".pushsection .smap_patches, \"a\"\n" \
    ".long 771b - .\n"                    \
    ".byte " #last_byte                   \
    ", 0, 0, 0\n"                         \
    ".popsection\n"

inline void allow_guest_access() {
    asm volatile(HV_PATCHABLE_SMAP(0xcb) : : : "memory", "cc");
}  // STAC
inline void forbid_guest_access() {
    asm volatile(HV_PATCHABLE_SMAP(0xca) : : : "memory", "cc");
}  // CLAC

// Writes the real instructions; once, before the text becomes read-only.
void patch_smap();

}  // namespace hv::x86
