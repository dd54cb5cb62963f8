// What a kernel's notes must say before it can start as a 64-bit PV guest.
#pragma once

#include "hvctl/kernel_image.hpp"
#include "hvctl/result.hpp"

namespace hvctl {

// Whether it is a 64-bit PV kernel at all, and wants nothing that an unprivileged PV guest never gets.
Result<void> check_pv_kernel(const KernelImage& kernel);

}  // namespace hvctl
