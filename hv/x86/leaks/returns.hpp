// Where hv's functions return. As linked, each such place is a jump to the one return that stands in the upper half of
// a cache line, where branches of others cannot train it (indirect target selection). Few processors need that.
#pragma once

#include <cstdint>
#include <span>

namespace hv::x86 {

// Puts returns in the place of these jumps: of those in the upper half of a line when hv's returns are to be there,
// else of all. `text` begins with a line, and `sites` are offsets into it. An NMI that runs through one meanwhile
// finds the jump or the return. False: a site has no jump, so `sites` are of another text; those before it are done.
bool write_returns(std::span<std::uint8_t> text, std::span<const std::uint32_t> sites, bool upper_halves_only);

}  // namespace hv::x86
