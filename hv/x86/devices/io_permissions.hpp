// Which I/O memory and I/O ports hv keeps from Dom0.
#pragma once

#include <cstdint>

#include "hv/base/types.hpp"

namespace hv::x86 {

// Bring-up: hv's own devices.
void reserve_io_frame(Mfn frame);
void reserve_io_ports(std::uint16_t first, std::uint16_t count);

// May Dom0 write to this I/O frame?
bool io_frame_writable(Mfn frame);
// Whether Dom0 may use all of the ports [port, port + bytes).
bool io_ports_allowed(std::uint16_t port, unsigned bytes);

}  // namespace hv::x86
