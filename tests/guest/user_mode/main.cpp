// Promised: user mode has page tables of its own, reaches the kernel only by traps and the syscall callback, and cannot
// call the hypervisor.
// Exercised: NEW_USER_BASEPTR, iret to user mode, system calls, faults and software interrupts from there, the switch
// back, stack_switch.
// A pass means: each entry came in on the kernel's stack with the user's state in the frame, and user mode saw neither
// the kernel's memory nor the hypervisor.
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/traps.hpp"
#include "tests/guest/lib/vcpu.hpp"

using namespace guest;

extern "C" {
extern u8 user_code[], user_code_end[], user_syscall[], user_fault[], user_privileged[], user_interrupt[],
    syscall_entry[], leave_user[];
void enter_user(u64 rip, u64 rsp, u64* stack_slot);
[[gnu::used]] u64 syscall_frame[8];  // rcx, r11, rip, cs, rflags, rsp, ss, rax
[[gnu::used]] u64 kernel_stack;
}

// The user's program, and the way there and back. enter_user(rip, rsp, where to keep the kernel's stack) builds the
// frame of the iret hypercall, with an address in rdi that user mode must not reach, and returns once the user is back
// in the kernel. syscall_entry finds rcx, r11, rip, cs, rflags, rsp, ss on its stack.
asm(R"(
    .text
    .globl user_code, user_code_end, user_syscall, user_fault, user_privileged, user_interrupt, syscall_entry, leave_user, enter_user
user_code:
user_syscall:
    mov $0x1234, %eax
    syscall
    ud2
user_fault:
    movb $1, (%rdi)
    ud2
user_privileged:
    cli
    ud2
user_interrupt:
    int $0x80
    ud2
user_code_end:

enter_user:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, (%rdx)
    mov %rsp, kernel_stack(%rip)
    mov %rsp, %rax
    push $0xe02b
    push %rsi
    push $0x202
    push $0xe033
    push %rdi
    mov $0x80000000, %edi
    movslq %edi, %rdi
    push $0
    jmp hypercall_page + 23 * 32

syscall_entry:
    mov %rax, syscall_frame + 56(%rip)
    .irp i, 0, 1, 2, 3, 4, 5, 6
    pop %rcx
    mov %rcx, syscall_frame + 8 * \i(%rip)
    .endr
    mov kernel_stack(%rip), %rsp
leave_user:
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret
)");

namespace {

constexpr u64 kUserCode = 0x40'0000, kUserStack = 0x40'2000;

u64 saved_stack;
TrapFrame user_frame;

// A trap from user mode ends enter_user() as a system call does.
bool back_to_kernel(TrapFrame& frame) {
    if ((frame.cs & 3) != 3) return false;
    user_frame = frame;
    frame.rip = reinterpret_cast<u64>(leave_user);
    frame.rsp = saved_stack;
    frame.cs = kFlatKernelCs & ~3ull;
    frame.ss = kFlatKernelSs;
    return true;
}

u64 build_user_space() {
    const Page code = allocate_page(), stack = allocate_page();
    for (unsigned i = 0; user_code + i < user_code_end; ++i) code.bytes[i] = user_code[i];
    Page tables[5];
    for (unsigned level = 1; level <= 4; ++level) tables[level] = allocate_page();
    constexpr u64 kUserData = kPteKernelData | kPteUser;
    tables[1].words()[kUserCode >> 12 & 511] = pte(code.mfn, kPteReadOnly | kPteUser);
    tables[1].words()[(kUserStack >> 12 & 511) - 1] = pte(stack.mfn, kUserData);
    for (unsigned level = 2; level <= 4; ++level)
        tables[level].words()[kUserCode >> (12 + 9 * (level - 1)) & 511] = pte(tables[level - 1].mfn, kPteTable);
    for (unsigned level = 1; level <= 4; ++level) REQUIRE_EQ(make_read_only(tables[level]), 0);
    REQUIRE_EQ(mmuext(MmuextCommand::PinL4Table, tables[4].mfn), 0);
    return tables[4].mfn;
}

void run_user(u8* where) {
    enter_user(kUserCode + static_cast<u64>(where - user_code), kUserStack, &saved_stack);
}

void check_system_call() {
    run_user(user_syscall);
    EXPECT_EQ(syscall_frame[7], 0x1234);
    EXPECT_EQ(syscall_frame[2], kUserCode + static_cast<u64>(user_fault - user_code) - 2);  // behind the instruction
    EXPECT_EQ(syscall_frame[3] & 3, 3);
    EXPECT_EQ(syscall_frame[5], kUserStack);
    EXPECT_EQ(this_vcpu().id, 0);
}

void check_traps() {
    for (const u64 vector : {kPageFault, kGeneralProtection, kInvalidOpcode, u64{128}})
        set_trap_hook(vector, back_to_kernel);
    run_user(user_fault);
    EXPECT_EQ(user_frame.vector, kPageFault);
    EXPECT_EQ(user_frame.error & 6, 6);  // a write from user mode
    EXPECT_EQ(this_vcpu().info().arch.cr2, kVirtBase);
    EXPECT_EQ(user_frame.rsp, kUserStack);
    run_user(user_privileged);
    EXPECT_EQ(user_frame.vector, kGeneralProtection);
    run_user(user_interrupt);
    EXPECT_EQ(user_frame.vector, 128);
    for (const u64 vector : {kPageFault, kGeneralProtection, kInvalidOpcode, u64{128}}) set_trap_hook(vector, nullptr);
}

}  // namespace

void guest::test_main() {
    CallbackRegister callback{static_cast<u16>(CallbackType::Syscall), kCallbackMaskEvents, 0,
                              reinterpret_cast<u64>(syscall_entry)};
    REQUIRE_EQ(hypercall(HypercallId::CallbackOp, CallbackCommand::Register, &callback), 0);
    // Traps from user mode arrive on this stack: the part of it that is far below what is in use.
    REQUIRE_EQ(hypercall(HypercallId::StackSwitch, kFlatKernelSs, reinterpret_cast<u64>(&this_vcpu()) + 16384), 0);
    const u64 user_top = build_user_space();
    EXPECT_TRUE(mmuext(MmuextCommand::NewUserBaseptr, mfn_of(reinterpret_cast<void*>(&syscall_frame))) < 0);
    REQUIRE_EQ(mmuext(MmuextCommand::NewUserBaseptr, user_top), 0);
    for (unsigned round = 0; round < 3; ++round) {
        check_system_call();
        check_traps();
    }
    REQUIRE_EQ(mmuext(MmuextCommand::NewUserBaseptr, 0), 0);
    EXPECT_EQ(mmuext(MmuextCommand::UnpinTable, user_top), 0);
}
