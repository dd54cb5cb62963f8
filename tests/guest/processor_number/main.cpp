// Promised: IA32_TSC_AUX is a vCPU's own; it begins as the vCPU's number, which RDPID tells any code, whatever the
// processor has. Exercised: CPUID; RDPID of several registers in the kernel and in user mode, RDTSCP, the MSR read
// and written, with a second vCPU on the same CPU. A pass means: each vCPU found its own number at first, then
// what it had written, and never the other one's.
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/processor.hpp"
#include "tests/guest/lib/traps.hpp"
#include "tests/guest/lib/user.hpp"
#include "tests/guest/lib/vcpu.hpp"

using namespace guest;

extern "C" {
extern u8 user_code[], user_code_end[];
}

asm(R"(
    .text
    .globl user_code, user_code_end
user_code:
    mov $-1, %rax
    rdpid %rax
    int $0x80
user_code_end:
)");

namespace {

constexpr u32 kTscAux = 0xc000'0103;

bool write_aux(u64 value) {
    return !catch_fault([=] {
                asm volatile("wrmsr"
                             :
                             : "c"(kTscAux), "a"(static_cast<u32>(value)), "d"(static_cast<u32>(value >> 32)));
            }).happened;
}

u64 read_aux() {
    u32 low = ~0u, high = ~0u;
    EXPECT_TRUE(!catch_fault([&] { asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(kTscAux)); }).happened);
    return u64{high} << 32 | low;
}

bool is_number(u64 wanted) {
    u64 first = ~0ull, last = ~0ull;
    const Fault fault = catch_fault([&] {
        asm volatile("mov $-1, %%rcx\n rdpid %%rcx\n mov %%rcx, %0\n mov $-1, %%r15\n rdpid %%r15\n mov %%r15, %1\n"
                     : "=m"(first), "=m"(last)
                     :
                     : "rcx", "r15");
    });
    u32 aux = static_cast<u32>(wanted);
    if (forced_cpuid(0x8000'0001).d & 1u << 27) asm volatile("rdtscp" : "=c"(aux) : : "rax", "rdx");
    return !fault.happened && first == wanted && last == wanted && aux == wanted && read_aux() == wanted;
}

void pin_here() {
    SchedPinOverride here{0};
    EXPECT_EQ(sched_op(SchedCommand::PinOverride, &here), 0);
}

void check_other_vcpu() {
    if (vcpu_count() < 2) return;
    static volatile bool first, later;
    static volatile u64 rounds;
    pin_here();
    const auto body = [](void*) {
        pin_here();
        first = is_number(1);
        if (!write_aux(0x5001)) return;
        later = true;
        for (unsigned i = 0; i < 20; ++i) {
            yield();
            if (!is_number(0x5001)) later = false;
            rounds = rounds + 1;
        }
    };
    REQUIRE_EQ(start_vcpu(1, body, nullptr), 0);
    EXPECT_TRUE(write_aux(0x5000));
    while (vcpu_is_up(1)) {
        EXPECT_TRUE(is_number(0x5000));
        yield();
    }
    EXPECT_TRUE(first && later);
    EXPECT_EQ(rounds, 20);
}

}  // namespace

void guest::test_main() {
    if (!on_hv()) skip("RDPID where the processor has none is hv's own");
    EXPECT_TRUE(forced_cpuid(7).c & 1u << 22);
    EXPECT_TRUE(is_number(0));
    build_user_mode(user_code, user_code_end);
    EXPECT_EQ(run_user({}).vector, 128);
    EXPECT_EQ(run_user({}).rax, 0);
    EXPECT_TRUE(write_aux(0x7fff'ffff));
    EXPECT_EQ(run_user({}).rax, 0x7fff'ffff);
    EXPECT_TRUE(!write_aux(u64{1} << 32));
    EXPECT_TRUE(is_number(0x7fff'ffff));
    check_other_vcpu();
}
