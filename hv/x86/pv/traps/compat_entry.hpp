// System calls of 32-bit user programs in a 64-bit guest (callback.h: CALLBACKTYPE_syscall32, CALLBACKTYPE_sysenter).
#pragma once

#include <cstddef>

#include "hv/base/types.hpp"

namespace hv::x86 {

// Which of the two instructions brings 32-bit code here: the other one is undefined in long mode on this
// processor, or it is not known. A callback for what does not work may be registered and is never entered:
// kernels register both and panic when they cannot.
bool syscall32_works();
bool sysenter_works();

inline constexpr std::size_t kSyscall32StubBytes = 64;
// On each CPU.
void enable_compat_entries(CpuId cpu);

}  // namespace hv::x86
