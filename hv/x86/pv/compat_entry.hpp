// System calls of 32-bit user programs in a 64-bit guest (callback.h: CALLBACKTYPE_syscall32, CALLBACKTYPE_sysenter).
#pragma once

#include <cstddef>

#include "hv/base/types.hpp"

namespace hv::x86 {

// Which of the two instructions brings 32-bit code here: the other one is undefined in long mode on this processor, or it is not known.
// What does not work is refused when a guest registers a callback for it, so that its kernel offers INT 0x80 instead.
bool syscall32_works();
bool sysenter_works();

inline constexpr std::size_t kSyscall32StubBytes = 32;
// On each CPU.
void enable_compat_entries(CpuId cpu);

}  // namespace hv::x86
