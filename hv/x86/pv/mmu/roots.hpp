// Which version of a domain's L4 tables there is. Isolated guests run on copies of them (isolation.hpp), and a CPU
// looks on the way out whether its copy is of this version.
#pragma once

#include <cstdint>

namespace hv {
class Domain;
}

namespace hv::x86 {

// Never the same twice, of no two domains.
std::uint64_t new_roots_version();

// An L4 table that may be loaded has changed. When this returns no CPU is on a copy of what it was: until then a copy
// is like an entry of a TLB, which also lasts until the CPU is asked to drop it.
void root_changed(Domain& domain);
// A frame has become an L4 table, or one has changed that the caller flushes everywhere.
void root_made(Domain& domain);

}  // namespace hv::x86
