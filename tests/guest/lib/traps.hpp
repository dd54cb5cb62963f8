// Traps of a test kernel: every one that the test does not expect is a failure.
#pragma once

#include "tests/guest/lib/hypercall.hpp"

namespace guest {

struct TrapFrame {
    u64 r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    u64 vector;  // kEventVector for an upcall, kFailsafeVector for a failed return
    u64 error;
    u64 rip;
    u64 cs;  // bits 32 and up: the upcall mask at the time
    u64 rflags;
    u64 rsp;
    u64 ss;
};
static_assert(sizeof(TrapFrame) == 22 * 8);

inline constexpr u64 kDivideError = 0, kDebug = 1, kNmi = 2, kBreakpoint = 3, kOverflow = 4, kInvalidOpcode = 6;
inline constexpr u64 kDeviceNotAvailable = 7, kSegmentNotPresent = 11, kStackFault = 12, kGeneralProtection = 13;
inline constexpr u64 kPageFault = 14;
inline constexpr u64 kEventVector = 256, kFailsafeVector = 257;

struct Fault {
    bool happened;
    u64 vector;
    u64 error;
    u64 cr2;
    u64 rip;
};

void init_traps();
const TrapInfo* trap_table();

// Called for a vector instead of what would happen otherwise; true when the trap is dealt with and `frame` is to be
// returned to. One hook per vector, for all vCPUs.
using TrapHook = bool (*)(TrapFrame& frame);
void set_trap_hook(u64 vector, TrapHook hook);

extern "C" bool catch_call(void (*function)(void*), void* argument, u64* stack_slot);
struct CatchPoint {
    u64 stack;
    Fault fault;
};
void set_catch_point(CatchPoint* point);  // of this vCPU; returns nothing, nests by hand

// Runs `function` and tells what trap ended it.
template <class Function>
Fault catch_fault(Function function) {
    CatchPoint point{};
    set_catch_point(&point);
    catch_call([](void* argument) { (*static_cast<Function*>(argument))(); }, &function, &point.stack);
    set_catch_point(nullptr);
    return point.fault;
}

Fault try_read(u64 address);
Fault try_write(u64 address);

}  // namespace guest
