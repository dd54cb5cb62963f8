// The books of all frames, done again from nothing: who holds which reference is found out by walking page tables, base
// pointers, descriptor tables, pins and parked work, and compared with what the frames say of themselves.
//
// To be called while nothing is in the middle of an operation. Grants may be mapped, but not with GNTMAP_device_map (whose
// references are only in the grant tables).
#pragma once

#include <string>
#include <vector>

#include "hv/memory/frame.hpp"

namespace audit {

// One line per discrepancy; empty when all is well.
std::vector<std::string> discrepancies();

// The lines as one text, for messages.
std::string report();

// How the machine's RAM is used.
struct Usage {
    std::uint64_t free = 0;    // as the allocator says
    std::uint64_t hv = 0;      // hv's heap
    std::uint64_t owned = 0;   // referenced under a domain's name
    std::uint64_t lost = 0;    // none of these
};
Usage usage();

}  // namespace audit
