// Debug registers of guests: breakpoints in hv's own part of the address space are not on offer.
#pragma once

#include <cstdint>

#include "hv/base/result.hpp"

namespace hv {
class Vcpu;
}

namespace hv::x86 {

bool read_guest_debug_register(const Vcpu& vcpu, unsigned number, std::uint64_t& value);
// BadArgument: no such register. NotPermitted: an address or bits that cannot be honoured.
// Takes effect at once on the current vCPU.
Result<> write_guest_debug_register(Vcpu& vcpu, unsigned number, std::uint64_t value);
// After #DB: what the processor reports goes into the vCPU's DR6. Returns the new bits.
std::uint64_t take_debug_status(Vcpu& vcpu);
// At context switches.
void save_debug_registers(Vcpu& vcpu);
void load_debug_registers(const Vcpu& vcpu);

}  // namespace hv::x86
