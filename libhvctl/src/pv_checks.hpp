// What a kernel's notes must say before it can start as a 64-bit PV guest.
#pragma once

#include "hvctl/kernel_image.hpp"
#include "hvctl/result.hpp"

namespace hvctl {

Result<void> check_pv_kernel(const KernelImage& kernel);

// Whether every feature that the kernel requires is among `offered` (XENFEAT_* bits).
Result<void> check_features(const KernelImage& kernel, std::uint32_t offered);

}  // namespace hvctl
