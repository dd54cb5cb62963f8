// Upper limits that the interfaces promise.
#pragma once

#include <cstdint>

#include "hv/abi/control/domain.hpp"
#include "hv/base/bitmap.hpp"
#include "hv/base/types.hpp"

namespace hv {

inline constexpr std::uint32_t kMaxVcpus = abi::control::kMostVcpus;  // of a domain

using VcpuSet = Bitmap<kMaxVcpus, VcpuId>;
using AtomicVcpuSet = AtomicBitmap<kMaxVcpus, VcpuId>;

}  // namespace hv
