// hv's audit of the whole machine (hv/domain/audit.hpp), for tests: to be called while
// nothing is in the middle of an operation.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace audit {

// One line per discrepancy; empty when all is well.
std::vector<std::string> discrepancies();

// The lines as one text, for messages.
std::string report();

// How the machine's RAM is used.
struct Usage {
    std::uint64_t free = 0;   // as the allocator says
    std::uint64_t hv = 0;     // hv's heap
    std::uint64_t owned = 0;  // referenced under a domain's name
    std::uint64_t lost = 0;   // none of these
};
Usage usage();

}  // namespace audit
