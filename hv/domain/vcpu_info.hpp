// Where a vCPU and hv share their VcpuInfo.
#pragma once

#include <cstdint>

#include "hv/base/result.hpp"
#include "hv/base/types.hpp"

namespace hv {

class Vcpu;

// VCPUOP_register_vcpu_info: once per vCPU, for itself or for one that is down. BadArgument otherwise, and when the
// place is unaligned, crosses its page, or is not a writable frame of the domain's.
Result<> register_vcpu_info(Vcpu& vcpu, Gfn frame, std::uint32_t offset);

}  // namespace hv
