// Promised: a guest whose segment selectors cannot be loaded any more when a vCPU runs again, because another
// vCPU has changed the table, has them set to null and is told so by its failsafe callback. Exercised: a
// descriptor that goes away under each of ds, es, fs and gs, in the GDT and in the LDT, with events masked on
// entry or not, in the kernel and in user mode. A pass means: the frame has the old selectors, the registers
// are null, and the vCPU goes on where it was.
#include "tests/guest/lib/events.hpp"
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/traps.hpp"
#include "tests/guest/lib/user.hpp"
#include "tests/guest/lib/vcpu.hpp"

using namespace guest;

extern "C" {
extern u8 failsafe_entry[], user_code[], user_code_end[];
[[gnu::used]] u64 failsafe_frame[11];  // rcx, r11, ds, es, fs, gs, rip, cs, rflags, rsp, ss
[[gnu::used]] volatile u64 failsafe_count;
[[gnu::used]] u16 selectors_inside[4];
[[gnu::used]] volatile u64 failsafe_mask;  // in: where the upcall mask is; out: what it was
}

// Keeps the frame, and goes back with the iret hypercall.
asm(R"(
    .text
    .globl failsafe_entry, user_code, user_code_end
failsafe_entry:
    push %rax
    .irp i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
    mov 8 + 8 * \i(%rsp), %rax
    mov %rax, failsafe_frame + 8 * \i(%rip)
    .endr
    mov %ds, selectors_inside(%rip)
    mov %es, selectors_inside + 2(%rip)
    mov %fs, selectors_inside + 4(%rip)
    mov %gs, selectors_inside + 6(%rip)
    mov failsafe_mask(%rip), %rax
    movzbl (%rax), %eax
    mov %rax, failsafe_mask(%rip)
    incq failsafe_count(%rip)
    pop %rax
    pop %rcx
    pop %r11
    add $32, %rsp
    push $0
    jmp hypercall_page + 23 * 32
user_code:                           // runs for as long as fs is what it was
    mov %edi, %fs
1:  pause
    mov %fs, %eax
    test %eax, %eax
    jnz 1b
    int $0x80
user_code_end:
)");

namespace {

constexpr u64 kData3 = 0x00cf'f300'0000'ffff, kPresent = 1ull << 47;
constexpr u64 kTableIndicator = 4;

enum Segment : unsigned { Ds, Es, Fs, Gs };
Page table;

long set_descriptor(unsigned index, u64 descriptor) {
    return hypercall(HypercallId::UpdateDescriptor, table.mfn * kPageSize + index * 8, descriptor);
}

void load(unsigned segment, u16 selector) {
    switch (segment) {
        case Ds: asm volatile("mov %0, %%ds" : : "r"(u32{selector})); break;
        case Es: asm volatile("mov %0, %%es" : : "r"(u32{selector})); break;
        case Fs: asm volatile("mov %0, %%fs" : : "r"(u32{selector})); break;
        default: asm volatile("mov %0, %%gs" : : "r"(u32{selector})); break;
    }
}

u16 read(unsigned segment) {
    u16 value;
    switch (segment) {
        case Ds: asm volatile("mov %%ds, %0" : "=r"(value)); break;
        case Es: asm volatile("mov %%es, %0" : "=r"(value)); break;
        case Fs: asm volatile("mov %%fs, %0" : "=r"(value)); break;
        default: asm volatile("mov %%gs, %0" : "=r"(value)); break;
    }
    return value;
}

long register_failsafe(u16 flags) {
    CallbackRegister callback{static_cast<u16>(CallbackType::Failsafe), flags, 0,
                              reinterpret_cast<u64>(failsafe_entry)};
    return hypercall(HypercallId::CallbackOp, CallbackCommand::Register, &callback);
}

void expect_entry() {
    failsafe_count = 0;
    failsafe_mask = reinterpret_cast<u64>(&this_vcpu().info().evtchn_upcall_mask);
}

volatile u64 companion_turns;

// Both vCPUs run on one CPU: what the other one did in between, it did after a switch, and another one came back.
void switch_once() {
    const u64 turns = companion_turns;
    while (companion_turns == turns) yield();
}

void pin_here() {
    SchedPinOverride pin{0};
    EXPECT_EQ(sched_op(SchedCommand::PinOverride, &pin), 0);
}

volatile bool stop, in_user;

void check_kernel(unsigned segment, u16 table_bit, u16 flags) {
    const auto selector = static_cast<u16>((segment + 1) << 3 | table_bit | 3);
    REQUIRE_EQ(set_descriptor(segment + 1, kData3), 0);
    REQUIRE_EQ(register_failsafe(flags), 0);
    if (flags) enable_events();
    load(segment, selector);
    switch_once();
    EXPECT_EQ(read(segment), selector);  // nothing happens while it is there
    expect_entry();
    EXPECT_EQ(set_descriptor(segment + 1, kData3 & ~kPresent), 0);
    switch_once();
    EXPECT_EQ(failsafe_count, 1);
    EXPECT_EQ(failsafe_frame[2 + segment], selector);
    EXPECT_EQ(selectors_inside[segment], 0);
    for (unsigned other = 0; other < 4; ++other)
        if (other != segment) EXPECT_EQ(failsafe_frame[2 + other], selectors_inside[other]);
    EXPECT_EQ(read(segment), 0);
    EXPECT_EQ(failsafe_frame[7] & 3, 0);  // came from the kernel
    EXPECT_EQ(failsafe_frame[7] >> 32 & 0xff, flags ? 0 : 1);
    EXPECT_EQ(failsafe_mask, 1);  // was 1 before, or is masked on entry
    disable_events();
}

// User mode is left by nothing but time: the companion sleeps for a while, and takes the descriptor away when it wakes.
void check_user() {
    constexpr u16 kSelector = 7 << 3 | 3;
    REQUIRE_EQ(set_descriptor(7, kData3), 0);
    build_user_mode(user_code, user_code_end);
    expect_entry();
    in_user = true;
    const UserEnd& end = run_user({.rdi = kSelector});
    EXPECT_EQ(end.by, kUserTrap);
    EXPECT_EQ(end.vector, 128);
    EXPECT_TRUE(failsafe_count >= 1);
    EXPECT_EQ(failsafe_frame[4], kSelector);
    EXPECT_EQ(selectors_inside[Fs], 0);
    EXPECT_EQ(failsafe_frame[7] & 3, 3);
    EXPECT_EQ(failsafe_frame[9], kUserStack);
    EXPECT_TRUE(failsafe_frame[6] >= kUserCode && failsafe_frame[6] < kUserCode + kPageSize);
}

void take_away_from_user() {
    SchedPoll sleep{0, 0, 0, system_time() + 30'000'000};
    sched_op(SchedCommand::Poll, &sleep);
    EXPECT_EQ(set_descriptor(7, kData3 & ~kPresent), 0);
    in_user = false;
}

void companion(void*) {
    pin_here();
    while (!stop) {
        companion_turns = companion_turns + 1;
        if (in_user) take_away_from_user();
        yield();
    }
}

}  // namespace

void guest::test_main() {
    if (vcpu_count() < 2) return skip("needs two vCPUs");
    pin_here();
    REQUIRE_EQ(start_vcpu(1, companion, nullptr), 0);
    table = allocate_page();
    REQUIRE_EQ(make_read_only(table), 0);
    u64 frame = table.mfn;
    REQUIRE_EQ(hypercall(HypercallId::SetGdt, &frame, 512), 0);
    for (unsigned segment = Ds; segment <= Gs; ++segment)
        for (const u16 flags : {u16{0}, kCallbackMaskEvents}) check_kernel(segment, 0, flags);
    REQUIRE_EQ(hypercall(HypercallId::SetGdt, nullptr, 0), 0);
    REQUIRE_EQ(mmuext(MmuextCommand::SetLdt, table.address(), 512), 0);
    for (unsigned segment = Ds; segment <= Gs; ++segment) check_kernel(segment, kTableIndicator, kCallbackMaskEvents);
    REQUIRE_EQ(mmuext(MmuextCommand::SetLdt, 0, 0), 0);
    REQUIRE_EQ(hypercall(HypercallId::SetGdt, &frame, 512), 0);
    check_user();
    stop = true;
    wait_until_down(1);
}
