// What there is a most of, as the interfaces promise it.
#pragma once

#include "hv/abi/control/domain.hpp"
#include "hv/base/types.hpp"

namespace hv {

inline constexpr VcpuId kMaxVcpus = abi::control::kMostVcpus;  // of a domain

}  // namespace hv
