// The CRC-32 of gzip and xz (polynomial 0x04c11db7, reflected).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace hv {

std::uint32_t crc32(std::span<const std::byte> bytes);

}  // namespace hv
