// XXH64 with seed 0: the checksum of zstd's frames.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace hv {

std::uint64_t xxhash64(std::span<const std::byte> bytes);

}  // namespace hv
