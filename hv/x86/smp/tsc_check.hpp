// Do two CPUs' TSCs agree? Run between the boot CPU and each CPU that comes up.
#pragma once

#include "hv/base/types.hpp"

namespace hv::x86 {

bool wait_until_tsc_check(CpuId cpu,
                          Nanoseconds patience);  // boot CPU: true when `cpu` has arrived at answer_tsc_check()
void compare_tsc(CpuId cpu);                      // boot CPU
void answer_tsc_check(CpuId cpu);                 // the new CPU

}  // namespace hv::x86
