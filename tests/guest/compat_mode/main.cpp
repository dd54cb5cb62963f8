// Promised: 32-bit programs of a 64-bit guest reach its kernel through SYSCALL (AMD) and SYSENTER (Intel), at the
// callbacks that it registered for them; callbacks for what the processor does not have may be registered, and are
// never used. Exercised: both instructions from 32-bit code, SYSENTER from 64-bit code, with and without a callback,
// with every flag that neither instruction clears (single step, nested task, alignment check, direction), returns to
// 32-bit code, far returns of programs from the one kind of code to the other. A pass means: each came in on the
// kernel's stack with clean flags and the user's own in the frame; without a callback the user gets the exception; the
// hypervisor stayed out of it; a far return goes where its frame on the program's stack says.
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/traps.hpp"
#include "tests/guest/lib/user.hpp"
#include "tests/guest/lib/vcpu.hpp"

using namespace guest;

extern "C" {
extern u8 compat_code[], compat_code_end[], compat_syscall[], compat_sysenter[], compat_interrupt[],
    compat_far_return[];
}

// The same bytes mean the same in 32-bit and in 64-bit code.
asm(R"(
    .text
    .globl compat_code, compat_code_end, compat_syscall, compat_sysenter, compat_interrupt, compat_far_return
compat_code:
compat_syscall:
    syscall
    ud2
compat_sysenter:
    sysenter
    ud2
compat_interrupt:
    mov %cs, %eax
    int $0x80
    ud2
compat_far_return:
    push %rdi
    push $0x400000 + compat_interrupt - compat_code
    lretq
    ud2
compat_code_end:
)");

namespace {

constexpr u64 kTrap = 1u << 8, kInterrupt = 1u << 9, kDirection = 1u << 10, kNested = 1u << 14, kAlignment = 1u << 18,
              kCarry = 1;
constexpr u64 kFlagsToTry[] = {
    0, kTrap, kNested, kAlignment, kDirection, kCarry, kTrap | kNested | kAlignment | kDirection};

u64 at(const u8* where) {
    return kUserCode + static_cast<u64>(where - compat_code);
}

struct Leaf {
    u32 eax, ebx, ecx, edx;
};

Leaf emulated_cpuid(u32 leaf) {
    Leaf out{};
    asm volatile(".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0xa2"
                 : "=a"(out.eax), "=b"(out.ebx), "=c"(out.ecx), "=d"(out.edx)
                 : "a"(leaf), "c"(0));
    return out;
}

const UserEnd& run32(const u8* where, u64 flags = 0) {
    return run_user({.rip = at(where), .cs = kFlatRing3Cs32, .rflags = 2 | kInterrupt | flags});
}

void expect_fault(const UserEnd& end, u64 vector) {
    EXPECT_EQ(end.by, kUserTrap);
    EXPECT_EQ(end.vector, vector);
}

// AMD's processors do not know it in long mode; QEMU 7.2 carries it out on all, up to its check of an MSR.
void expect_no_sysenter(const UserEnd& end) {
    EXPECT_EQ(end.by, kUserTrap);
    EXPECT_TRUE(end.vector == kInvalidOpcode || end.vector == kGeneralProtection);
}

void expect_entry(const UserEnd& end, CallbackType type, u64 flags) {
    EXPECT_EQ(end.by, static_cast<u64>(type));
    EXPECT_EQ(end.cs & 3, 3);
    EXPECT_EQ(end.ss & 3, 3);
    EXPECT_EQ(end.rflags & (flags | kInterrupt), flags | kInterrupt);
    EXPECT_TRUE(!(end.kernel_flags & (kTrap | kNested | kAlignment)));
    if (on_hv()) EXPECT_TRUE(!(end.kernel_flags & kDirection));
    EXPECT_EQ(this_vcpu().info().evtchn_upcall_mask, 1);
}

void check_without_callbacks(bool intel) {
    const UserEnd& end = run32(compat_syscall);
    expect_fault(end, kInvalidOpcode);
    EXPECT_EQ(end.rip, at(compat_syscall));
    expect_no_sysenter(run32(compat_sysenter));
    if (intel) EXPECT_EQ(run32(compat_sysenter).vector, kGeneralProtection);
    expect_fault(run_user({.rip = at(compat_syscall)}), kInvalidOpcode);
}

void check_syscall(bool works) {
    for (const u64 flags : kFlagsToTry) {
        const UserEnd& end = run32(compat_syscall, flags);
        if (!works) {
            expect_fault(end, kInvalidOpcode);
            continue;
        }
        expect_entry(end, CallbackType::Syscall32, flags);
        EXPECT_EQ(end.rip, at(compat_syscall) + 2);
        EXPECT_EQ(end.rsp, kUserStack);
        EXPECT_EQ(end.cs & 0xffff, kFlatRing3Cs32);
    }
}

void check_sysenter(bool works) {
    for (const u64 flags : kFlagsToTry) {
        const UserEnd& end = run32(compat_sysenter, flags);
        if (!works) {
            expect_no_sysenter(end);
            continue;
        }
        expect_entry(end, CallbackType::Sysenter, flags);
        expect_entry(run_user({.rip = at(compat_sysenter), .rflags = 2 | kInterrupt | flags}), CallbackType::Sysenter,
                     flags);
    }
}

// Also when the kernel says that it came through a system call: the way back that is for 64-bit code must not be taken.
void check_return() {
    for (const u64 flags : {u64{0}, kVgcfInSyscall}) {
        const UserEnd& end = run_user({.rip = at(compat_interrupt), .cs = kFlatRing3Cs32, .flags = flags});
        expect_fault(end, 128);
        EXPECT_EQ(end.cs & 0xffff, kFlatRing3Cs32);
        EXPECT_EQ(end.rax, kFlatRing3Cs32);
        EXPECT_EQ(end.rip, at(compat_interrupt) + 4);
    }
}

// In 32-bit code the prefix of the return is a DEC, and all operands have 32 bits.
void check_far_return() {
    for (const u64 from : {kFlatRing3Cs64, kFlatRing3Cs32}) {
        for (const u64 to : {kFlatRing3Cs64, kFlatRing3Cs32}) {
            const UserEnd& end = run_user({.rip = at(compat_far_return), .cs = from, .rdi = to});
            expect_fault(end, 128);
            EXPECT_EQ(end.cs & 0xffff, to);
            EXPECT_EQ(end.rax, to);
            EXPECT_EQ(end.rip, at(compat_interrupt) + 4);
            EXPECT_EQ(end.rsp, kUserStack);
        }
    }
    expect_fault(run_user({.rip = at(compat_far_return), .rdi = 0x1230 | 3}), kGeneralProtection);
}

}  // namespace

static_assert(kUserCode == 0x40'0000, "the program's far return has it in a constant");

void guest::test_main() {
    build_user_mode(compat_code, compat_code_end);
    const bool intel = emulated_cpuid(0).ebx == 0x756e6547;  // "Genu"
    check_without_callbacks(intel);
    REQUIRE_EQ(register_user_callback(CallbackType::Syscall), 0);
    EXPECT_EQ(register_user_callback(CallbackType::Syscall32), 0);
    EXPECT_EQ(register_user_callback(CallbackType::Sysenter), 0);
    if (on_hv() && !intel) EXPECT_TRUE(!(emulated_cpuid(1).edx & 1u << 11));
    for (unsigned round = 0; round < 3; ++round) {
        check_syscall(!intel);
        check_sysenter(intel);
        check_return();
        check_far_return();
        EXPECT_EQ(run_user({.rip = at(compat_syscall)}).by, static_cast<u64>(CallbackType::Syscall));
    }
}
