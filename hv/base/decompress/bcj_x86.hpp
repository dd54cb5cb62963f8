// The x86 filter of xz: packed programs hold the targets of calls and jumps as absolute addresses, since these repeat.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace hv {

// Makes the targets relative again, in place. `start` is the address that the first byte had for the packer.
void unfilter_bcj_x86(std::span<std::byte> code, std::uint32_t start);

}  // namespace hv
