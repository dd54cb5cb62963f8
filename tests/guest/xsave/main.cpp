// Promised: x87, SSE and (where there is) AVX state belongs to a vCPU and survives every switch.
// Exercised: two vCPUs that fill the registers with values of their own, give up the CPU in every way, and look again;
// the initial state of a new vCPU; the device-not-available trap while TS is set. A pass means: no register ever held
// another vCPU's bits.
#include "tests/guest/lib/events.hpp"
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/traps.hpp"
#include "tests/guest/lib/vcpu.hpp"

using namespace guest;

namespace {

constexpr unsigned kRounds = 1500;

struct alignas(16) Vector {
    u64 words[2];
};

void fill(u64 seed) {
    const Vector a{{seed, seed + 1}}, b{{seed + 2, seed + 3}};
    asm volatile("movups %0, %%xmm0\n movups %1, %%xmm7\n movups %0, %%xmm15\n" : : "m"(a), "m"(b));
    asm volatile("fninit\n fildll %0" : : "m"(seed));
}

bool holds(u64 seed) {
    Vector a, b, c;
    u64 x87;
    asm volatile("movups %%xmm0, %0\n movups %%xmm7, %1\n movups %%xmm15, %2\n" : "=m"(a), "=m"(b), "=m"(c));
    asm volatile("fistpll %0" : "=m"(x87));
    return a.words[0] == seed && a.words[1] == seed + 1 && b.words[0] == seed + 2 && b.words[1] == seed + 3 &&
           c.words[0] == seed && c.words[1] == seed + 1 && x87 == seed;
}

void spin(u64 seed, volatile u64& wrong) {
    const SchedPoll pause{0, 0, 0, 1};
    for (unsigned i = 0; i < kRounds; ++i) {
        fill(seed + i);
        if (i % 3 == 0) yield();
        if (i % 3 == 1) sched_op(SchedCommand::Poll, &pause);
        if (i % 3 == 2)
            for (unsigned j = 0; j < 2000; ++j) asm volatile("pause");
        if (!holds(seed + i)) wrong = wrong + 1;
    }
}

void check_two() {
    static volatile u64 wrong_there, wrong_here;
    if (vcpu_count() > 1)
        REQUIRE_EQ(start_vcpu(
                       1, [](void*) { spin(0x7000'0000'0000, wrong_there); }, nullptr),
                   0);
    spin(0x1000'0000, wrong_here);
    if (vcpu_count() > 1) wait_until_down(1);
    EXPECT_EQ(wrong_here, 0);
    EXPECT_EQ(wrong_there, 0);
}

void check_task_switched() {
    fill(0x4242);
    EXPECT_EQ(hypercall(HypercallId::FpuTaskswitch, 1), 0);
    yield();
    const Fault fault = catch_fault([] { asm volatile("movups %xmm0, %xmm1"); });
    EXPECT_TRUE(fault.happened && fault.vector == kDeviceNotAvailable);
    EXPECT_EQ(hypercall(HypercallId::FpuTaskswitch, 0), 0);
    EXPECT_TRUE(holds(0x4242));
}

}  // namespace

void guest::test_main() {
    u64 cr4;  // SSE belongs to a kernel that says so
    asm volatile("mov %%cr4, %0" : "=r"(cr4));
    catch_fault([=] { asm volatile("mov %0, %%cr4" : : "r"(cr4 | 3u << 9)); });
    asm volatile("clts");
    check_two();
    check_task_switched();
}
