// Every way into hv leaves this at the top of the CPU's stack: traps, interrupts, SYSCALL.
#pragma once

#include <cstddef>
#include <cstdint>

#include "hv/x86/cpu/per_cpu.hpp"

namespace hv::x86 {

struct TrapFrame {
    std::uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;  // +0 .. +112
    std::uint64_t vector;                                                                   // +120
    // +128: an exception's error code; of a system call or hypercall, how far rip is past the instruction that made it.
    union {
        std::uint64_t error_code;
        std::uint64_t instruction_length;
    };
    std::uint64_t rip, cs, rflags, rsp, ss;  // +136 .. +168

    bool from_guest() const { return (cs & 3) != 0; }
};
static_assert(sizeof(TrapFrame) == 176 && sizeof(TrapFrame) % 16 == 0,
              "trap_entry.S builds it; TSS.rsp0 stays aligned");

enum Vector : std::uint8_t {
    kDivideError = 0,
    kDebug = 1,
    kNmi = 2,
    kBreakpoint = 3,
    kOverflow = 4,
    kBounds = 5,
    kInvalidOpcode = 6,
    kNoDevice = 7,
    kDoubleFault = 8,
    kInvalidTss = 10,
    kNotPresent = 11,
    kStackFault = 12,
    kGeneralProtection = 13,
    kPageFault = 14,
    kFloatError = 16,
    kAlignment = 17,
    kMachineCheck = 18,
    kSimdError = 19,
    kVirtualization = 20,
    kControlProtection = 21,
    kFirstExternal = 32,
};
// Vectors whose trap pushes an error code.
inline constexpr std::uint32_t kErrorCodeVectors = (1u << 8) | (1u << 10) | (1u << 11) | (1u << 12) | (1u << 13) |
                                                   (1u << 14) | (1u << 17) | (1u << 21) | (1u << 29) | (1u << 30);

// trap_entry.S: leaves hv with the state in the frame at the top of this CPU's stack, after return_to_guest_work().
extern "C" [[noreturn]] void resume_guest();
// trap_entry.S: continues in `function` on this CPU's empty stack; whatever was on it is gone.
extern "C" [[noreturn]] void run_on_empty_stack(void (*function)());

}  // namespace hv::x86
