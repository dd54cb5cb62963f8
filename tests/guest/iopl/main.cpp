// Promised: the I/O privilege level is the kernel's to set, by hypercall, or with a VM assist in the flags that it
// returns with; user mode has I/O, CLI and STI only at level 3, and single ports where the kernel's bitmap opens them.
// Frames show the level only with the assist. Exercised: every level from the kernel and from user mode, both kinds of
// instruction, the flags of frames from both, the assist switched on and off, a second vCPU started in between, bitmaps
// that end before, at and after a port, or that are not there. A pass means: each was possible exactly where it should
// be, and no start of a vCPU changed the domain's assists.
#include "hv/abi/xen/physdev.hpp"
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/traps.hpp"
#include "tests/guest/lib/user.hpp"
#include "tests/guest/lib/vcpu.hpp"

using namespace guest;

extern "C" {
extern u8 io_code[], io_flag_code[], io_wide_code[], io_code_end[];
}

asm(R"(
    .text
    .globl io_code, io_flag_code, io_wide_code, io_code_end
io_code:
    in $0x61, %al
    int $0x80
io_flag_code:
    cli
    sti
    int $0x80
io_wide_code:
    in $0x67, %ax
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

// The first form of the hypercall.
void set_level_compat(u32 level) {
    struct {
        PhysdevCommand command;
        u32 pad;
        PhysdevSetIopl request;
    } op{PhysdevCommand::SetIopl, 0, {level}};
    static_assert(offsetof(decltype(op), request) == kPhysdevCompatArgument);
    EXPECT_EQ(hypercall(HypercallId::PhysdevOpCompat, &op), 0);
    op.command = PhysdevCommand::MapPirq;  // never had it
    EXPECT_TRUE(hypercall(HypercallId::PhysdevOpCompat, &op) < 0);
}

bool kernel_may() {
    const bool port = !catch_fault([] { asm volatile("inb $0x61, %%al" : : : "rax"); }).happened;
    const bool flag = !catch_fault([] { asm volatile("cli\n sti"); }).happened;
    EXPECT_EQ(flag, port);
    return port;
}

void set_level(u32 level) {
    PhysdevSetIopl request{level};
    EXPECT_EQ(hypercall(HypercallId::PhysdevOp, PhysdevCommand::SetIopl, &request), 0);
}

void assist(VmAssistCommand command) {
    EXPECT_EQ(hypercall(HypercallId::VmAssist, command, VmAssistType::ArchitecturalIopl), 0);
}

const UserEnd& run_with(u64 level, const u8* code = io_code) {
    return run_user({.rip = kUserCode + static_cast<u64>(code - io_code), .rflags = 0x202 | level << 12});
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
        expect_user(run_with(3 - level, io_flag_code), level == 3);
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
            expect_user(run_with(wanted, io_flag_code), wanted == 3);
        }
    }
}

u8 bitmap[65536 / 8];

void set_bitmap(const u8* bits, u32 ports) {
    PhysdevSetIobitmap request{reinterpret_cast<u64>(bits), ports, {}};
    EXPECT_EQ(hypercall(HypercallId::PhysdevOp, PhysdevCommand::SetIobitmap, &request), 0);
}

void close_all() {
    for (u8& bits : bitmap) bits = 0xff;
}
void open(u32 port) {
    bitmap[port / 8] = static_cast<u8>(bitmap[port / 8] & ~(1u << port % 8));
}

// User mode does not have the bitmap mapped.
void check_bitmap() {
    set_level(0);
    close_all();
    set_bitmap(bitmap, 65536);
    expect_user(run_with(0), false);
    open(0x61);
    expect_user(run_with(0), true);
    expect_user(run_with(0, io_flag_code), false);
    set_bitmap(bitmap, 0x62);
    expect_user(run_with(0), true);
    set_bitmap(bitmap, 0x61);
    expect_user(run_with(0), false);
    // Both ports of a wide access, here in two bytes of the bitmap.
    set_bitmap(bitmap, 65536);
    open(0x67);
    expect_user(run_with(0, io_wide_code), false);
    open(0x68);
    expect_user(run_with(0, io_wide_code), true);
    set_bitmap(bitmap, 0x68);
    expect_user(run_with(0, io_wide_code), false);
    set_bitmap(reinterpret_cast<const u8*>(0x1000), 65536);  // nothing is there
    expect_user(run_with(0), false);
    for (const u64 nowhere : {u64{0x0000'8000'0000'0000}, kHypervisorVirtStart}) {
        PhysdevSetIobitmap request{nowhere, 65536, {}};
        EXPECT_EQ(hypercall(HypercallId::PhysdevOp, PhysdevCommand::SetIobitmap, &request), -kEINVAL);
    }
    set_bitmap(nullptr, 0);
    expect_user(run_with(0), false);
    PhysdevSetIobitmap beyond{reinterpret_cast<u64>(bitmap), 65537, {}};
    EXPECT_EQ(hypercall(HypercallId::PhysdevOp, PhysdevCommand::SetIobitmap, &beyond), -kEINVAL);
}

}  // namespace

void guest::test_main() {
    build_user_mode(io_code, io_code_end);
    check_plain();
    assist(VmAssistCommand::Enable);
    check_assisted();
    if (vcpu_count() > 1) {
        REQUIRE_EQ(start_vcpu(
                       1, [](void*) {}, nullptr),
                   0);
        wait_until_down(1);
    }
    check_assisted();
    assist(VmAssistCommand::Disable);
    check_plain();
    check_bitmap();
    set_level_compat(0);
    EXPECT_TRUE(!kernel_may());
    set_level_compat(1);
    EXPECT_TRUE(kernel_may());
    EXPECT_EQ(hypercall(HypercallId::PhysdevOpCompat, 0x1000), -kEFAULT);
    PhysdevSetIopl beyond{4};
    EXPECT_TRUE(hypercall(HypercallId::PhysdevOp, PhysdevCommand::SetIopl, &beyond) < 0);
}
