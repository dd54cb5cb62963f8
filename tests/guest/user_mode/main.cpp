// Promised: user mode has page tables of its own, reaches the kernel only by traps and the syscall callback, and cannot
// call the hypervisor.
// Exercised: NEW_USER_BASEPTR, iret to user mode, system calls, faults and software interrupts from there, the switch
// back, stack_switch, a kernel that uses one table for both.
// A pass means: each entry came in on the kernel's stack with the user's state in the frame, and user mode saw neither
// the kernel's memory, the machine-to-physical table nor the hypervisor.
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/traps.hpp"
#include "tests/guest/lib/user.hpp"
#include "tests/guest/lib/vcpu.hpp"

using namespace guest;

extern "C" {
extern u8 user_code[], user_code_end[], user_syscall[], user_fault[], user_read[], user_privileged[], user_interrupt[];
}

asm(R"(
    .text
    .globl user_code, user_code_end, user_syscall, user_fault, user_read, user_privileged, user_interrupt
user_code:
user_syscall:
    mov $0x1234, %eax
    syscall
    ud2
user_fault:
    movb $1, (%rdi)
    ud2
user_read:
    mov (%rdi), %rax
    ud2
user_privileged:
    cli
    ud2
user_interrupt:
    int $0x80
    ud2
user_code_end:
)");

namespace {

u64 plain_page_word;

u64 address_of(const u8* where) {
    return kUserCode + static_cast<u64>(where - user_code);
}

// With an address in rdi that user mode must not reach.
const UserEnd& run(const u8* where) {
    return run_user({.rip = address_of(where), .rdi = kVirtBase});
}

void check_system_call() {
    const UserEnd& end = run(user_syscall);
    EXPECT_EQ(end.by, static_cast<u64>(CallbackType::Syscall));
    EXPECT_EQ(end.rax, 0x1234);
    EXPECT_EQ(end.rip, address_of(user_fault) - 2);  // after the instruction
    EXPECT_EQ(end.cs & 3, 3);
    EXPECT_EQ(end.rsp, kUserStack);
    EXPECT_EQ(this_vcpu().id, 0);
}

void check_trap(const u8* where, u64 vector) {
    const UserEnd& end = run(where);
    EXPECT_EQ(end.by, kUserTrap);
    EXPECT_EQ(end.vector, vector);
    EXPECT_EQ(end.rsp, kUserStack);
}

void check_traps() {
    check_trap(user_fault, kPageFault);
    EXPECT_EQ(run(user_fault).error & 6, 6);  // a write from user mode
    EXPECT_EQ(this_vcpu().info().arch.cr2, kVirtBase);
    check_trap(user_privileged, kGeneralProtection);
    check_trap(user_interrupt, 128);
}

// Which frames the machine's memory is in is the kernel's business.
void check_machine_to_phys() {
    const u64 entry = kMachineToPhysStart + mfn_of(&plain_page_word) * 8;
    EXPECT_EQ(*reinterpret_cast<const volatile u64*>(entry), machine_to_phys(mfn_of(&plain_page_word)));
    const UserEnd& end = run_user({.rip = address_of(user_read), .rdi = entry});
    EXPECT_EQ(end.vector, kPageFault);
    EXPECT_EQ(end.error & 7, 4);  // a read from user mode, nothing there
}

// A kernel that has nothing to hide gives user mode its own table: everything that it maps
// is there, and calls are still its own.
void check_shared_table() {
    REQUIRE_EQ(mmuext(MmuextCommand::NewUserBaseptr, top_table_mfn()), 0);
    const Page stack = allocate_page();
    const u64 top = stack.address() + kPageSize;
    const UserEnd& interrupt = run_user({.rip = reinterpret_cast<u64>(user_interrupt), .rsp = top});
    EXPECT_EQ(interrupt.vector, 128);
    EXPECT_EQ(interrupt.cs & 3, 3);
    EXPECT_EQ(interrupt.rsp, top);
    const UserEnd& call = run_user({.rip = reinterpret_cast<u64>(user_syscall), .rsp = top});
    EXPECT_EQ(call.by, static_cast<u64>(CallbackType::Syscall));
    EXPECT_EQ(run_user({.rip = reinterpret_cast<u64>(user_privileged), .rsp = top}).vector, kGeneralProtection);
    const UserEnd& fault =
        run_user({.rip = reinterpret_cast<u64>(user_fault), .rsp = top, .rdi = start_info().pt_base});
    EXPECT_EQ(fault.vector, kPageFault);
    EXPECT_EQ(fault.error & 7, 7);
    REQUIRE_EQ(update_mapping(stack.bytes, 0), 0);
    EXPECT_EQ(run_user({.rip = reinterpret_cast<u64>(user_syscall), .rsp = top}).by,
              static_cast<u64>(CallbackType::Syscall));
}

}  // namespace

void guest::test_main() {
    REQUIRE_EQ(register_user_callback(CallbackType::Syscall), 0);
    EXPECT_TRUE(mmuext(MmuextCommand::NewUserBaseptr, mfn_of(&plain_page_word)) < 0);
    EXPECT_EQ(hypercall(HypercallId::VmAssist, VmAssistCommand::Enable, VmAssistType::M2pStrict), 0);
    const u64 user_top = build_user_mode(user_code, user_code_end);
    for (unsigned round = 0; round < 3; ++round) {
        check_system_call();
        check_traps();
        check_machine_to_phys();
    }
    EXPECT_EQ(hypercall(HypercallId::VmAssist, VmAssistCommand::Disable, VmAssistType::M2pStrict), 0);
    check_shared_table();
    REQUIRE_EQ(mmuext(MmuextCommand::NewUserBaseptr, 0), 0);
    EXPECT_EQ(mmuext(MmuextCommand::UnpinTable, user_top), 0);
}
