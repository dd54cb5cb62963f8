// ELF notes named "Xen" by which a kernel tells its loader how it wants to be started. Numbers are 4 or 8 bytes.
#pragma once

#include <cstdint>

namespace hv::abi::xen {

enum class ElfNote : std::uint32_t {
    Info = 0,
    Entry = 1,          // virtual address
    HypercallPage = 2,  // virtual address
    VirtBase = 3,       // virtual address of the start of the image's pseudo-physical memory
    PaddrOffset = 4,    // what to subtract from ELF p_paddr; 0 when absent
    XenVersion = 5,     // string "xen-3.0"
    GuestOs = 6,        // string
    GuestVersion = 7,   // string
    Loader = 8,         // string "generic"
    PaeMode = 9,        // string
    Features = 10,      // string: names joined by '|', '!' marks the required ones
    BsdSymtab = 11,     // string "yes" or "no"
    HvStartLow = 12,    // lowest address at which the hypervisor's hole may begin
    L1MfnValid = 13,    // mask and value pairs
    SuspendCancel = 14,
    InitP2m = 15,            // virtual address wanted for the phys-to-machine list
    ModStartPfn = 16,        // 1: the initrd need not be mapped
    SupportedFeatures = 17,  // bitmap of Feature
    Phys32Entry = 18,        // PVH entry point
    CrashInfo = 0x0100'0001,
    CrashRegs = 0x0100'0002,
};
inline constexpr std::uint32_t kElfNoteMax = 18;

}  // namespace hv::abi::xen
