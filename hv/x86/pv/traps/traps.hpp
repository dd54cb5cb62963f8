// What becomes of a guest's traps.
#pragma once

#include "hv/base/types.hpp"
#include "hv/x86/traps/trap_frame.hpp"

namespace hv {
class Vcpu;
}

namespace hv::x86 {

void guest_page_fault(Vcpu& vcpu, TrapFrame& frame);
void guest_return_page_fault(Vcpu& vcpu, TrapFrame& frame);

// TrapFrame::vector of an entry through SYSCALL: the guest can be left through SYSRET.
inline constexpr std::uint64_t kVectorSyscall = 0x100;
inline constexpr std::uint64_t kSyscallLength = 2;  // of the instruction, in every mode
inline constexpr std::size_t kSyscallStubBytes = 64;

// Flags that a guest's kernel may load: status, TF, DF, NT, RF, AC and ID. IF is always on, IOPL always 0.
inline constexpr std::uint64_t kGuestFlags = 0x25'4dd5;

// On each CPU: where SYSCALL enters (syscall_entry.S).
void enable_syscalls(CpuId cpu);

}  // namespace hv::x86
