// User mode of a test kernel: one small program with page tables of its own, the way there and back.
#pragma once

#include "tests/guest/lib/hypercall.hpp"

namespace guest {

inline constexpr u64 kUserCode = 0x40'0000, kUserStack = 0x40'2000;  // a page each; the stack grows down to 0x401000

// Copies the program to kUserCode, makes the tables and has traps from user mode arrive on a part of this vCPU's stack
// that is not in use. Every exception and vector 128 then ends run_user(), unless the test sets a hook of its own.
// Returns the top table's frame.
u64 build_user_mode(const u8* program, const u8* end);

// Registers the callback, so that it ends run_user() too. Returns what the hypervisor says.
long register_user_callback(CallbackType type);

struct UserStart {
    u64 rip = kUserCode;
    u64 cs = kFlatRing3Cs64, ss = kFlatRing3Ss64;
    u64 rflags = 0x202;
    u64 rsp = kUserStack;
    u64 rdi = 0;
    u64 flags = 0;  // of the iret hypercall
};

struct UserEnd {
    u64 rcx, r11, rip, cs, rflags, rsp, ss;  // the frame, without an error code
    u64 rax;
    u64 kernel_flags;  // RFLAGS at the kernel's first instruction; 0 for traps
    u64 by;            // a CallbackType, or kUserTrap
    u64 vector, error;
};
inline constexpr u64 kUserTrap = 100;

const UserEnd& run_user(const UserStart& start);

}  // namespace guest
