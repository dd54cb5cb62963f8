// Promised: an LDT works, whichever uses an entry first: the kernel, user mode (whose page tables do not map it), the
// hypervisor on the kernel's behalf, or the return to user mode itself. Exercised: each of these as the first use of a
// page of the LDT, and again; entries that are not there; a selector of the hypervisor's own as user mode's GS. A pass
// means: each found its segment, with its base; what is not there is a fault for the code that used it, or a null
// selector.
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/traps.hpp"
#include "tests/guest/lib/user.hpp"

using namespace guest;

extern "C" {
extern u8 ldt_code[], ldt_code_end[], ldt_load[], ldt_plain[];
}

asm(R"(
    .text
    .globl ldt_code, ldt_code_end, ldt_load, ldt_plain
ldt_code:
ldt_load:
    mov %edi, %fs
    mov %fs:0, %eax
    int $0x80
ldt_plain:
    mov %cs, %eax
    int $0x80
ldt_code_end:
)");

namespace {

constexpr u64 kCode3 = 0x00af'fb00'0000'ffff, kCode32 = 0x00cf'fb00'0000'ffff;
constexpr u64 kBase = kUserCode;  // of the data segment: what user mode reads through it are the program's first bytes
constexpr u64 kData3 = 0x0040'f300'0000'ffff | (kBase & 0xffffff) << 16;
constexpr u16 kData = 1 << 3 | 7, kCode = 2 << 3 | 7, kCompat = 3 << 3 | 7, kEmpty = 4 << 3 | 7, kBeyond = 0x1000 | 7;

u64 user_gs_base() {
    u32 low, high;
    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(0xc000'0102));
    return u64{high} << 32 | low;
}

// The window that shows the LDT starts empty.
void forget(const Page& ldt) {
    REQUIRE_EQ(mmuext(MmuextCommand::SetLdt, 0, 0), 0);
    REQUIRE_EQ(mmuext(MmuextCommand::SetLdt, ldt.address(), 512), 0);
}

void check_hypervisor(const Page& ldt) {
    const auto set = [](u16 selector) {
        return hypercall(HypercallId::SetSegmentBase, SegmentBase::GsUserSelector, selector);
    };
    for (unsigned round = 0; round < 2; ++round) {
        EXPECT_EQ(set(kData), 0);
        EXPECT_EQ(user_gs_base(), kBase);
        EXPECT_EQ(set(0), 0);
        EXPECT_EQ(user_gs_base(), 0);
    }
    forget(ldt);
    for (const u16 selector : {kEmpty, kBeyond, u16{0xe010}, u16{0xe008}, u16{0xe040}}) {
        EXPECT_EQ(set(kData), 0);
        EXPECT_EQ(set(selector), 0);
        EXPECT_EQ(user_gs_base(), 0);
        u16 now;
        asm volatile("mov %%gs, %0" : "=r"(now));
        EXPECT_EQ(now, 0);
    }
}

void check_user(const Page& ldt) {
    u64 bytes = 0;
    for (unsigned i = 4; i-- > 0;) bytes = bytes << 8 | ldt_code[i];
    for (unsigned round = 0; round < 2; ++round) {
        const UserEnd& end = run_user({.rip = kUserCode, .rdi = kData});
        EXPECT_EQ(end.vector, 128);
        EXPECT_EQ(end.rax, bytes);
    }
    forget(ldt);
    EXPECT_EQ(run_user({.rip = kUserCode, .rdi = kEmpty}).vector, kGeneralProtection);
    EXPECT_EQ(run_user({.rip = kUserCode, .rdi = kBeyond}).vector, kGeneralProtection);
}

void check_return(const Page& ldt) {
    const u64 plain = kUserCode + static_cast<u64>(ldt_plain - ldt_code);
    for (const u16 selector : {kCode, kCompat}) {
        forget(ldt);
        for (unsigned round = 0; round < 2; ++round) {
            const UserEnd& end = run_user({.rip = plain, .cs = selector});
            EXPECT_EQ(end.vector, 128);
            EXPECT_EQ(end.rax, selector);
            EXPECT_EQ(end.cs & 0xffff, selector);
        }
    }
    forget(ldt);
    for (const u16 selector : {kEmpty, kBeyond, kData})
        EXPECT_EQ(run_user({.rip = plain, .cs = selector}).vector, kGeneralProtection);
    EXPECT_EQ(run_user({.rip = plain, .ss = kEmpty}).vector, kGeneralProtection);
}

}  // namespace

void guest::test_main() {
    const Page ldt = allocate_page();
    ldt.words()[1] = kData3;
    ldt.words()[2] = kCode3;
    ldt.words()[3] = kCode32;
    REQUIRE_EQ(make_read_only(ldt), 0);
    build_user_mode(ldt_code, ldt_code_end);
    // Through the kernel's own tables, as far as the hypervisor is concerned.
    forget(ldt);
    EXPECT_TRUE(!catch_fault([] { asm volatile("mov %0, %%fs" : : "r"(u32{kData})); }).happened);
    forget(ldt);
    check_hypervisor(ldt);
    forget(ldt);
    check_user(ldt);
    check_return(ldt);
    // An LDT whose page is not mapped at all.
    REQUIRE_EQ(mmuext(MmuextCommand::SetLdt, 0x10'0000, 512), 0);
    EXPECT_TRUE(catch_fault([] { asm volatile("mov %0, %%fs" : : "r"(u32{kData})); }).happened);
    EXPECT_EQ(hypercall(HypercallId::SetSegmentBase, SegmentBase::GsUserSelector, kData), 0);
    EXPECT_EQ(user_gs_base(), 0);
    EXPECT_EQ(run_user({.rip = kUserCode, .rdi = kData}).by, kUserTrap);
    REQUIRE_EQ(mmuext(MmuextCommand::SetLdt, 0, 0), 0);
}
