// Microcode as vendors publish it, and which of it a processor is to have. Files come from Dom0 or from the boot
// loader: everything in them is checked, and a file with anything wrong in it is refused as a whole.
#pragma once

#include "hv/base/result.hpp"
#include "hv/x86/leaks/signature.hpp"
#include "hv/x86/microcode/bytes.hpp"

namespace hv::x86 {

// The processor that is to be updated. All of a machine's are alike.
struct MicrocodeTarget {
    Vendor vendor = Vendor::Other;
    std::uint32_t signature = 0;       // leaf 1, eax
    std::uint32_t platform_flags = 0;  // Intel: one bit, by IA32_PLATFORM_ID
    std::uint32_t revision = 0;        // that it has now
};

struct MicrocodeUpdate {
    Bytes patch;  // what the vendor's register takes the address of, inside the file
    std::uint32_t revision = 0;
    std::uint32_t date = 0;  // as the vendor writes it: binary-coded decimal, month, day, year
};

// The newest update in `file` that is for `target` and newer than what it has: revisions never go downwards.
// BadArgument: the file is damaged, or none. NoEntry: nothing for this processor. Exists: nothing newer.
// NotSupported: this processor's maker has no such files, or `late`, when programs run already, it cannot take it
// safely.
Result<MicrocodeUpdate> choose_microcode(Bytes file, const MicrocodeTarget& target, bool late);

// Of each vendor's format (intel.cpp, amd.cpp). Calls `use` for each update for the target, whatever its revision.
// BadArgument: the file is damaged.
using UseMicrocode = void (*)(void* argument, const MicrocodeUpdate& update);
Result<> for_each_intel_update(Bytes file, const MicrocodeTarget& target, UseMicrocode use, void* argument);
Result<> for_each_amd_update(Bytes file, const MicrocodeTarget& target, UseMicrocode use, void* argument);

// The vendor's file in an uncompressed cpio archive, where a kernel's initrd begins with one: empty when there is none.
Bytes find_microcode(Bytes archive, Vendor vendor);

}  // namespace hv::x86
