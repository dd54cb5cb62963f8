// Writes of Dom0's that may change what is where in the physical address space.
#pragma once

#include <cstdint>

namespace hv::x86 {

// Writes `value` of 1, 2 or 4 bytes to the port: on QEMU's TCG at a standstill of all
// CPUs (smp/standstill.hpp tells why).
void write_port_that_moves_devices(std::uint16_t port, unsigned bytes, std::uint32_t value);

}  // namespace hv::x86
