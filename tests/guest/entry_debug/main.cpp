// Promised: whatever a guest has pending when it enters the hypervisor, be it single steps, breakpoints held back by a
// load of SS, or odd flags, the entry is as any other and only the guest is told. Exercised: hypercalls, software
// interrupts and invalid instructions right after MOV SS and POP SS from watched memory; system calls, interrupts and
// SYSCALL from user mode with TF, NT, AC, DF and RF; hypercalls whose arguments are watched. A pass means: all results
// are right, the kernel is entered with clean flags, the user's own flags come back.
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/traps.hpp"
#include "tests/guest/lib/user.hpp"
#include "tests/guest/lib/vcpu.hpp"

using namespace guest;

extern "C" {
extern u8 flag_code[], flag_code_end[], flag_syscall[], flag_interrupt[], flag_invalid[];
}

asm(R"(
    .text
    .globl flag_code, flag_code_end, flag_syscall, flag_interrupt, flag_invalid
flag_code:
flag_syscall:
    syscall
    ud2
flag_interrupt:
    int $0x80
flag_invalid:
    ud2
flag_code_end:
)");

namespace {

constexpr u64 kTrap = 1u << 8, kInterrupt = 1u << 9, kDirection = 1u << 10, kNested = 1u << 14, kAlignment = 1u << 18,
              kCarry = 1;

volatile u64 hits;
volatile u64 breakpoints;
alignas(8) volatile u16 watched_selector[4] = {kFlatKernelSs};

bool count(TrapFrame&) {
    hits = hits + 1;
    return true;
}
bool count_breakpoint(TrapFrame&) {
    breakpoints = breakpoints + 1;
    return true;
}

void watch(const volatile void* address, bool on) {
    EXPECT_EQ(hypercall(HypercallId::SetDebugreg, 0, reinterpret_cast<u64>(address)), 0);
    EXPECT_EQ(hypercall(HypercallId::SetDebugreg, 7, on ? 0x000f'0001 : 0), 0);  // four bytes, reads and writes
}

// Whether the breakpoint strikes after MOV SS, after the next instruction or not at all differs between processors.
void check_held_back() {
    set_trap_hook(kDebug, count);
    set_trap_hook(kBreakpoint, count_breakpoint);
    const u64 version = static_cast<u64>(xen_version(VersionCommand::Version, nullptr));
    watch(watched_selector, true);
    for (unsigned round = 0; round < 20; ++round) {
        u64 result = 17;  // xen_version
        asm volatile("mov %[selector], %%ss\n syscall"
                     : "+a"(result)
                     : [selector] "m"(watched_selector[0]), "D"(0), "S"(0)
                     : "rcx", "r11", "memory");
        EXPECT_EQ(result, version);
        breakpoints = 0;
        asm volatile("mov %0, %%ss\n int3" : : "m"(watched_selector[0]) : "memory");
        EXPECT_EQ(breakpoints, 1);
        const Fault fault = catch_fault([] {
            asm volatile("mov %0, %%ss\n ud2" : : "m"(watched_selector[0]) : "memory");
        });
        EXPECT_TRUE(fault.happened && (fault.vector == kInvalidOpcode || fault.vector == kDebug));
    }
    watch(watched_selector, false);
    EXPECT_TRUE(hits >= 1);
    set_trap_hook(kBreakpoint, nullptr);
}

// The hypervisor itself reads and writes watched memory.
void check_watched_arguments() {
    alignas(8) static VcpuRunstateInfo info;
    watch(&info, true);
    for (unsigned round = 0; round < 20; ++round) {
        EXPECT_EQ(vcpu_op(VcpuCommand::GetRunstateInfo, 0, &info), 0);
        EXPECT_TRUE(info.state_entry_time != 0);
    }
    watch(&info, false);
    set_trap_hook(kDebug, nullptr);
}

u64 at(const u8* where) {
    return kUserCode + static_cast<u64>(where - flag_code);
}

void check_user_flags() {
    constexpr u64 kKept = kTrap | kNested | kAlignment | kDirection | kCarry;
    for (const u64 flags :
         {u64{0}, kTrap, kNested, kAlignment, kDirection, kTrap | kNested | kAlignment | kDirection | kCarry}) {
        const u64 start = 2 | kInterrupt | flags;
        const UserEnd& call = run_user({.rip = at(flag_syscall), .rflags = start});
        EXPECT_EQ(call.by, static_cast<u64>(CallbackType::Syscall));
        EXPECT_EQ(call.rflags & kKept, flags);
        EXPECT_TRUE(!(call.kernel_flags & (kTrap | kNested | kAlignment)));
        if (on_hv()) EXPECT_TRUE(!(call.kernel_flags & kDirection));
        const UserEnd& interrupt = run_user({.rip = at(flag_interrupt), .rflags = start});
        EXPECT_EQ(interrupt.by, kUserTrap);
        EXPECT_TRUE(interrupt.vector == 128 || (flags & kTrap && interrupt.vector == kDebug));
        EXPECT_EQ(interrupt.rflags & kKept, flags);
        const UserEnd& invalid = run_user({.rip = at(flag_invalid), .rflags = start});
        EXPECT_EQ(invalid.vector, kInvalidOpcode);
        EXPECT_EQ(invalid.rip, at(flag_invalid));
        EXPECT_EQ(invalid.rflags & kKept, flags);
    }
}

}  // namespace

void guest::test_main() {
    check_held_back();
    check_watched_arguments();
    build_user_mode(flag_code, flag_code_end);
    REQUIRE_EQ(register_user_callback(CallbackType::Syscall), 0);
    check_user_flags();
}
