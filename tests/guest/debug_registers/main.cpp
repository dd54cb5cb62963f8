// Promised: each vCPU has debug registers of its own; breakpoints on the hypervisor are not possible. Exercised:
// set_debugreg and get_debugreg, mov to and from debug registers, a data breakpoint that fires, reserved bits,
// addresses in the hypervisor, a second vCPU with other values on the same CPU. A pass means: values come back as the
// machine keeps them, the breakpoint hits once, hostile values are refused.
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/traps.hpp"
#include "tests/guest/lib/vcpu.hpp"

using namespace guest;

namespace {

volatile u64 watched;
volatile u64 hits;

long set(unsigned number, u64 value) {
    return hypercall(HypercallId::SetDebugreg, number, value);
}
u64 get(unsigned number) {
    return static_cast<u64>(hypercall(HypercallId::GetDebugreg, number));
}

bool count_hit(TrapFrame&) {
    hits = hits + 1;
    return true;
}

void check_values() {
    for (unsigned number = 0; number < 4; ++number) {
        EXPECT_EQ(set(number, 0x1000u * (number + 1)), 0);
        EXPECT_EQ(get(number), 0x1000u * (number + 1));
    }
    EXPECT_TRUE(set(0, kHypervisorVirtStart) < 0);
    EXPECT_TRUE(set(1, 0x0000'8000'0000'0000) < 0);
    EXPECT_EQ(get(0), 0x1000);
    EXPECT_TRUE(set(8, 0) < 0);
    EXPECT_TRUE(set(~0u, 0) < 0);
    EXPECT_TRUE(static_cast<long>(get(8)) < 0);
    for (const u64 reserved : {1ull << 40, 0x2000ull}) {  // 0x2000: general detect
        const long result = set(7, reserved);
        if (on_hv()) EXPECT_TRUE(result < 0);  // elsewhere dropped
        EXPECT_TRUE(!(get(7) & reserved));
    }
    const long status = set(6, 1ull << 32);
    if (on_hv()) EXPECT_TRUE(status < 0);
    EXPECT_TRUE(set(7, 0x0002'0001) < 0);  // an I/O breakpoint
    u64 direct = 0;
    EXPECT_TRUE(!catch_fault([&] { asm volatile("mov %%dr2, %0" : "=r"(direct)); }).happened);
    EXPECT_EQ(direct, 0x3000);
    EXPECT_TRUE(!catch_fault([] { asm volatile("mov %0, %%dr2" : : "r"(u64{0x7000})); }).happened);
    EXPECT_EQ(get(2), 0x7000);
    for (unsigned number = 0; number < 4; ++number) EXPECT_EQ(set(number, 0), 0);
}

void check_breakpoint() {
    set_trap_hook(kDebug, count_hit);
    EXPECT_EQ(set(0, reinterpret_cast<u64>(&watched)), 0);
    EXPECT_EQ(set(7, 0x000d'0002), 0);  // global, four bytes, on writes
    watched = 1;
    EXPECT_EQ(hits, 1);
    EXPECT_TRUE(get(6) & 1);
    EXPECT_EQ(set(7, 0), 0);
    watched = 2;
    EXPECT_EQ(hits, 1);
    set_trap_hook(kDebug, nullptr);
}

void pin_here() {
    SchedPinOverride here{0};
    EXPECT_EQ(sched_op(SchedCommand::PinOverride, &here), 0);
}

// Two vCPUs on one CPU: one writes a status that says that breakpoints were hit, the other one only steps.
void check_other_vcpu() {
    if (vcpu_count() < 2) return;
    static volatile bool written, changed;
    static volatile u64 theirs, initial;
    pin_here();
    EXPECT_EQ(set(3, 0x1111), 0);
    EXPECT_EQ(set(0, reinterpret_cast<u64>(&watched)), 0);
    EXPECT_EQ(set(7, 0x000d'0002), 0);
    EXPECT_EQ(set(6, 0x200f), 0);
    set_trap_hook(kDebug, count_hit);
    const auto body = [](void*) {
        pin_here();
        initial = get(3);
        set(3, 0x2222);
        while (!written) yield();
        changed = get(3) != 0x2222;
        asm volatile("pushf\n orq $0x100, (%%rsp)\n popf\n nop\n pushf\n andq $~0x100, (%%rsp)\n popf\n"
                     :
                     :
                     : "memory", "cc");
        theirs = get(6);
    };
    REQUIRE_EQ(start_vcpu(1, body, nullptr), 0);
    for (unsigned i = 0; i < 10; ++i) yield();
    written = true;
    wait_until_down(1);
    EXPECT_TRUE(initial == 0 && !changed);
    EXPECT_EQ(get(3), 0x1111);
    EXPECT_TRUE(theirs & 1u << 14);  // single step
    if (on_hv()) EXPECT_TRUE(!(theirs & 0x200f));
    if (on_hv()) EXPECT_EQ(get(6) & 0x200f, 0x200f);
    EXPECT_EQ(set(7, 0), 0);
    set_trap_hook(kDebug, nullptr);
}

}  // namespace

void guest::test_main() {
    check_values();
    check_breakpoint();
    check_other_vcpu();
}
