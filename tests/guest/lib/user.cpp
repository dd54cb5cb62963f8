#include "tests/guest/lib/user.hpp"

#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/traps.hpp"
#include "tests/guest/lib/vcpu.hpp"

extern "C" {
void enter_user(const guest::UserStart& start, guest::u64* stack_slot);
extern guest::u8 user_by_syscall[], user_by_syscall32[], user_by_sysenter[], leave_user[];
[[gnu::used]] guest::UserEnd user_end;
[[gnu::used]] guest::u64 user_kernel_stack;
}

// enter_user(start, where to keep the kernel's stack) returns when the user is back in the kernel.
asm(R"(
    .text
enter_user:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, (%rsi)
    mov %rsp, user_kernel_stack(%rip)
    push 16(%rdi)
    push 32(%rdi)
    push 24(%rdi)
    push 8(%rdi)
    push 0(%rdi)
    push 48(%rdi)
    mov 40(%rdi), %rdi
    jmp hypercall_page + 23 * 32

user_by_syscall:
    movq $2, user_end + 72(%rip)
    jmp 1f
user_by_syscall32:
    movq $7, user_end + 72(%rip)
    jmp 1f
user_by_sysenter:
    movq $5, user_end + 72(%rip)
1:  mov %rax, user_end + 56(%rip)
    .irp i, 0, 1, 2, 3, 4, 5, 6
    pop %rcx
    mov %rcx, user_end + 8 * \i(%rip)
    .endr
    mov user_kernel_stack(%rip), %rsp
    pushf
    pop %rcx
    mov %rcx, user_end + 64(%rip)
    cld
leave_user:
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret
)");

namespace guest {
namespace {

static_assert(offsetof(UserStart, ss) == 16 && offsetof(UserStart, flags) == 48);
static_assert(offsetof(UserEnd, rax) == 56 && offsetof(UserEnd, by) == 72);
static_assert(static_cast<u64>(CallbackType::Syscall) == 2 && static_cast<u64>(CallbackType::Syscall32) == 7 &&
              static_cast<u64>(CallbackType::Sysenter) == 5);

u64 saved_stack;

bool end_by_trap(TrapFrame& frame) {
    if ((frame.cs & 3) != 3) return false;
    user_end = {frame.rcx, frame.r11, frame.rip, frame.cs,  frame.rflags, frame.rsp,
                frame.ss,  frame.rax, 0,         kUserTrap, frame.vector, frame.error};
    frame.rip = reinterpret_cast<u64>(leave_user);
    frame.rsp = saved_stack;
    frame.cs = kFlatKernelCs & ~3ull;
    frame.ss = kFlatKernelSs;
    frame.rflags &= ~0x5'4500ull;  // direction up, and none of TF, NT, RF, AC
    return true;
}

}  // namespace

u64 build_user_mode(const u8* program, const u8* end) {
    const Page code = allocate_page(), stack = allocate_page();
    for (unsigned i = 0; program + i < end; ++i) code.bytes[i] = program[i];
    Page tables[5];
    for (unsigned level = 1; level <= 4; ++level) tables[level] = allocate_page();
    tables[1].words()[kUserCode >> 12 & 511] = pte(code.mfn, kPteReadOnly | kPteUser);
    tables[1].words()[(kUserStack >> 12 & 511) - 1] = pte(stack.mfn, kPteKernelData | kPteUser);
    for (unsigned level = 2; level <= 4; ++level)
        tables[level].words()[kUserCode >> (12 + 9 * (level - 1)) & 511] = pte(tables[level - 1].mfn, kPteTable);
    for (unsigned level = 1; level <= 4; ++level) REQUIRE_EQ(make_read_only(tables[level]), 0);
    REQUIRE_EQ(mmuext(MmuextCommand::PinL4Table, tables[4].mfn), 0);
    REQUIRE_EQ(mmuext(MmuextCommand::NewUserBaseptr, tables[4].mfn), 0);
    REQUIRE_EQ(
        hypercall(HypercallId::StackSwitch, kFlatKernelSs, reinterpret_cast<u64>(&this_vcpu()) + kVcpuStackBytes / 2),
        0);
    for (const TrapInfo* trap = trap_table(); trap->address; ++trap) set_trap_hook(trap->vector, end_by_trap);
    return tables[4].mfn;
}

long register_user_callback(CallbackType type) {
    const u8* entry = type == CallbackType::Syscall     ? user_by_syscall
                      : type == CallbackType::Syscall32 ? user_by_syscall32
                                                        : user_by_sysenter;
    CallbackRegister callback{static_cast<u16>(type), kCallbackMaskEvents, 0, reinterpret_cast<u64>(entry)};
    return hypercall(HypercallId::CallbackOp, CallbackCommand::Register, &callback);
}

const UserEnd& run_user(const UserStart& start) {
    user_end = {};
    enter_user(start, &saved_stack);
    return user_end;
}

}  // namespace guest
