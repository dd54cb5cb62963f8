// Promised: the I/O privilege level is the kernel's to set, by hypercall, or with a VM assist in the flags that it returns
// with; user mode has I/O only at level 3. Frames show the level only with the assist.
// Exercised: every level from the kernel and from user mode, the flags of frames from both, the assist switched on and off, a second vCPU started
// in between. A pass means: I/O was possible exactly where it should be, and no start of a vCPU changed the domain's assists.
#include "hv/abi/xen/physdev.hpp"
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/traps.hpp"
#include "tests/guest/lib/user.hpp"
#include "tests/guest/lib/vcpu.hpp"

using namespace guest;

extern "C" {
extern u8 io_code[], io_code_end[];
}

asm(R"(
    .text
    .globl io_code, io_code_end
io_code:
    in $0x61, %al
    int $0x80
io_code_end:
)");

namespace {

u64 flags_seen;

bool note_flags(TrapFrame& frame) {
    flags_seen = frame.rflags;
    return true;
}

u64 level_in_kernel_frame() {
    set_trap_hook(kBreakpoint, note_flags);
    asm volatile("int3");
    return flags_seen >> 12 & 3;
}

bool kernel_may() {
    return !catch_fault([] { asm volatile("inb $0x61, %%al" : : : "rax"); }).happened;
}

void set_level(u32 level) {
    PhysdevSetIopl request{level};
    EXPECT_EQ(hypercall(HypercallId::PhysdevOp, PhysdevCommand::SetIopl, &request), 0);
}

void assist(VmAssistCommand command) {
    EXPECT_EQ(hypercall(HypercallId::VmAssist, command, VmAssistType::ArchitecturalIopl), 0);
}

const UserEnd& run_with(u64 level) {
    return run_user({.rflags = 0x202 | level << 12});
}

void expect_user(const UserEnd& end, bool may) {
    EXPECT_EQ(end.vector, may ? 128 : kGeneralProtection);
}

void check_plain() {
    for (u32 level = 0; level <= 3; ++level) {
        set_level(level);
        EXPECT_EQ(level_in_kernel_frame(), 0);
        EXPECT_EQ(kernel_may(), level >= 1);
        const UserEnd& end = run_with(3 - level);  // what it returns with does not count
        expect_user(end, level == 3);
        EXPECT_EQ(end.rflags >> 12 & 3, 0);
    }
}

void check_assisted() {
    for (u32 level = 0; level <= 3; ++level) {
        set_level(level);
        EXPECT_EQ(level_in_kernel_frame(), level);
        EXPECT_TRUE(kernel_may());
        for (u32 wanted = 0; wanted <= 3; ++wanted) {
            const UserEnd& end = run_with(wanted);
            expect_user(end, wanted == 3);
            EXPECT_EQ(end.rflags >> 12 & 3, wanted);
        }
    }
}

}  // namespace

void guest::test_main() {
    build_user_mode(io_code, io_code_end);
    check_plain();
    assist(VmAssistCommand::Enable);
    check_assisted();
    if (vcpu_count() > 1) {
        REQUIRE_EQ(start_vcpu(1, [](void*) {}, nullptr), 0);
        wait_until_down(1);
    }
    check_assisted();
    assist(VmAssistCommand::Disable);
    check_plain();
    PhysdevSetIopl beyond{4};
    EXPECT_TRUE(hypercall(HypercallId::PhysdevOp, PhysdevCommand::SetIopl, &beyond) < 0);
}
