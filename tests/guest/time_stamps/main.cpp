// Promised: what a vCPU's kernel sets in CR4 is honoured for that vCPU alone, or refused. Exercised: TSD with RDTSC in
// user mode, in the kernel, and on a second vCPU of the same CPU; every bit of CR4; DE and the other names of DR6 and
// DR7. A pass means: user mode faults exactly while its kernel says so, the kernel's clock goes on, and a bit that
// reads back as it was written never came with a bit that did not.
#include "tests/guest/lib/events.hpp"
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/traps.hpp"
#include "tests/guest/lib/user.hpp"
#include "tests/guest/lib/vcpu.hpp"

using namespace guest;

extern "C" {
extern u8 user_code[], user_code_end[], user_rdtsc[], user_rdtscp[];
}

asm(R"(
    .text
    .globl user_code, user_code_end, user_rdtsc, user_rdtscp
user_code:
user_rdtsc:
    rdtsc
    int $0x80
user_rdtscp:
    rdtscp
    int $0x80
user_code_end:
)");

namespace {

constexpr u64 kTsd = 1u << 2, kDe = 1u << 3;
constexpr u64 kInterrupt = 128;

u64 read_cr4() {
    u64 value = 0;
    asm volatile("mov %%cr4, %0" : "=r"(value));
    return value;
}

bool write_cr4(u64 value) {
    return !catch_fault([=] { asm volatile("mov %0, %%cr4" : : "r"(value)); }).happened;
}

u64 rdtsc() {
    u32 low = 0, high = 0;
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return u64{high} << 32 | low;
}

// The trap that ends the program.
u64 user_ends_by(const u8* where) {
    return run_user({.rip = kUserCode + static_cast<u64>(where - user_code)}).vector;
}

bool has_rdtscp() {
    u32 a = 0x8000'0001, b, c = 0, d;
    asm volatile(".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e\n cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return d & 1u << 27;
}

void check_user(bool forbidden) {
    EXPECT_EQ(user_ends_by(user_rdtsc), forbidden ? kGeneralProtection : kInterrupt);
    if (has_rdtscp()) EXPECT_EQ(user_ends_by(user_rdtscp), forbidden ? kGeneralProtection : kInterrupt);
}

void check_kernel() {
    u64 before = 0, after = 0;
    EXPECT_TRUE(!catch_fault([&] { before = rdtsc(); }).happened);
    const u64 clock = system_time();  // reads the counter too
    EXPECT_TRUE(!catch_fault([&] { after = rdtsc(); }).happened);
    EXPECT_TRUE(after > before);
    EXPECT_TRUE(system_time() >= clock);
    if (!has_rdtscp()) return;
    u32 low = 0, high = 0, aux = ~0u;
    EXPECT_TRUE(!catch_fault([&] { asm volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(aux)); }).happened);
    EXPECT_TRUE((u64{high} << 32 | low) > after);
    if (on_hv()) EXPECT_EQ(aux, this_vcpu().id);
}

void pin_here() {
    SchedPinOverride here{0};
    EXPECT_EQ(sched_op(SchedCommand::PinOverride, &here), 0);
}

// Its bit is clear, whatever the one of the other vCPU on this CPU is.
void check_other_vcpu() {
    if (vcpu_count() < 2) return;
    static volatile bool ready, done, wrong;
    pin_here();
    const auto body = [](void*) {
        pin_here();
        wrong = (read_cr4() & kTsd) != 0;
        ready = true;
        while (!done) yield();
        if (read_cr4() & kTsd) wrong = true;
        check_kernel();
    };
    REQUIRE_EQ(start_vcpu(1, body, nullptr), 0);
    while (!ready) yield();
    for (unsigned i = 0; i < 20; ++i) {
        yield();
        EXPECT_EQ(user_ends_by(user_rdtsc), kGeneralProtection);
        EXPECT_TRUE(read_cr4() & kTsd);
    }
    done = true;
    wait_until_down(1);
    EXPECT_TRUE(!wrong);
}

// A value is taken as a whole or not at all.
void check_every_bit() {
    const u64 usual = read_cr4();
    for (unsigned bit = 0; bit < 64; ++bit) {
        const u64 wanted = usual ^ (u64{1} << bit);
        const bool taken = write_cr4(wanted);
        if (on_hv()) EXPECT_EQ(read_cr4(), taken ? wanted : usual);
        EXPECT_TRUE(write_cr4(usual));
        EXPECT_EQ(read_cr4(), usual);
        REQUIRE_TRUE(!try_read(start_info().pt_base).happened);
    }
}

void check_debugging_extensions() {
    const u64 usual = read_cr4();
    const auto alias_is_there = [] {
        u64 value = 0;
        return !catch_fault([&] { asm volatile("mov %%dr5, %0" : "=r"(value)); }).happened;
    };
    EXPECT_TRUE(write_cr4(usual & ~kDe));
    EXPECT_EQ(hypercall(HypercallId::SetDebugreg, 5, 0), 0);
    EXPECT_TRUE(write_cr4(usual | kDe));
    EXPECT_TRUE(!alias_is_there());
    EXPECT_TRUE(hypercall(HypercallId::SetDebugreg, 5, 0) < 0);
    EXPECT_TRUE(write_cr4(usual));
}

}  // namespace

void guest::test_main() {
    build_user_mode(user_code, user_code_end);
    check_every_bit();
    check_debugging_extensions();
    const u64 usual = read_cr4() & ~kTsd;
    for (unsigned round = 0; round < 3; ++round) {
        EXPECT_TRUE(write_cr4(usual));
        check_user(false);
        check_kernel();
        EXPECT_TRUE(write_cr4(usual | kTsd));
        check_user(true);
        check_kernel();
    }
    check_other_vcpu();
    EXPECT_TRUE(write_cr4(usual));
    check_user(false);
}
