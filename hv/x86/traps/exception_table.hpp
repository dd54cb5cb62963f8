// Instructions that may fault, and where to go on when they do.
//
//   asm volatile("1: mov (%1), %0; 2:\n" HV_FIXUP("1b", "2b") : ...)
#pragma once

#include <cstdint>

#define HV_FIXUP(faulting, resume)    \
    ".pushsection .ex_table, \"a\"\n" \
    ".balign 4\n"                     \
    ".long " faulting " - ., " resume \
    " - .\n"                          \
    ".popsection\n"

namespace hv::x86 {

// Where to resume after a fault at `rip`; 0 when that instruction has no fix-up.
std::uint64_t find_fixup(std::uint64_t rip);

}  // namespace hv::x86
