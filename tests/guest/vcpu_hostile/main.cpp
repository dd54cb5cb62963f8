// Promised: whatever registers a guest gives a new vCPU, it runs in ring 3 with flags that are its own, or not at all.
// Exercised: VCPUOP_initialise with privileged flags, selectors of the hypervisor, bad debug registers, reserved bits
// in the FPU's control word; with a code segment for ring 0; with an address that is not canonical. A pass means: the
// first one runs and sees none of it, the others are refused or end in an exception of their own.
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/traps.hpp"
#include "tests/guest/lib/vcpu.hpp"

using namespace guest;

extern "C" u8 secondary_start[];

namespace {

constexpr u64 kTrap = 1u << 8, kIopl = 3u << 12, kNested = 1u << 14, kVm = 1u << 17;

volatile u64 steps, bad_starts, seen_flags, seen_cs, seen_dr7;
volatile u16 seen_selectors[4];
volatile u32 seen_mxcsr;

bool stop_stepping(TrapFrame& frame) {
    steps = steps + 1;
    frame.rflags &= ~kTrap;
    return true;
}

// The exception of a vCPU that could not start: it starts properly now.
bool start_again(TrapFrame& frame) {
    if (this_vcpu().id == 0 || frame.rdi == 0) return false;
    bad_starts = bad_starts + 1;
    frame.rip = reinterpret_cast<u64>(secondary_start);
    frame.cs = kFlatKernelCs & ~3ull;
    frame.ss = kFlatKernelSs;
    return true;
}

void look(void*) {
    u64 flags, cs, dr7;
    u32 mxcsr = 0;
    u16 selectors[4];
    asm volatile("pushf\n pop %0\n mov %%cs, %1" : "=r"(flags), "=r"(cs));
    asm volatile("mov %%ds, %0\n mov %%es, %1\n mov %%fs, %2\n mov %%gs, %3"
                 : "=m"(selectors[0]), "=m"(selectors[1]), "=m"(selectors[2]), "=m"(selectors[3]));
    asm volatile("stmxcsr %0" : "=m"(mxcsr));
    asm volatile("mov %%dr7, %0" : "=r"(dr7));
    seen_flags = flags;
    seen_cs = cs;
    seen_dr7 = dr7;
    seen_mxcsr = mxcsr;
    for (unsigned i = 0; i < 4; ++i) seen_selectors[i] = selectors[i];
}

void nothing(void*) {}

// Refused, or dropped elsewhere: never believed.
void check_bad_registers() {
    const auto refused = [](auto spoil) {
        VcpuGuestContext& context = prepare_context(1, nothing, nullptr);
        spoil(context);
        return vcpu_op(VcpuCommand::Initialise, 1, &context) != 0;
    };
    if (!on_hv()) return;  // the vCPU that it makes is used up
    EXPECT_TRUE(refused([](VcpuGuestContext& context) { context.ctrlreg[4] = ~0ull; }));
    EXPECT_TRUE(refused([](VcpuGuestContext& context) { context.ctrlreg[4] = 1u << 11; }));  // UMIP
    EXPECT_TRUE(refused([](VcpuGuestContext& context) { context.debugreg[0] = kHypervisorVirtStart; }));
    EXPECT_TRUE(refused([](VcpuGuestContext& context) { context.debugreg[7] = 0x2001; }));
    EXPECT_TRUE(refused([](VcpuGuestContext& context) { context.debugreg[7] = 0x0002'0001; }));
}

void check_privileges() {
    set_trap_hook(kDebug, stop_stepping);
    set_trap_hook(kFailsafeVector, [](TrapFrame&) { return true; });  // its selectors were not to be had
    VcpuGuestContext& context = prepare_context(1, look, nullptr);
    context.flags |= kVgcfI387Valid;
    for (u8& byte : context.fpu_context) byte = 0xff;
    context.fpu_context[2] = context.fpu_context[3] = 0;  // no exception waits
    context.user_regs.rflags = 2 | kTrap | kIopl | kNested | kVm;
    context.user_regs.ds = context.user_regs.es = context.user_regs.fs = context.user_regs.gs = 0xe010;
    context.ctrlreg[0] = ~0ull & ~8ull;
    const long result = vcpu_op(VcpuCommand::Initialise, 1, &context);
    if (result != 0) return;  // refused is as good
    EXPECT_EQ(vcpu_op(VcpuCommand::Up, 1, nullptr), 0);
    wait_until_down(1);
    EXPECT_TRUE(!(seen_flags & (kIopl | kVm)));
    EXPECT_EQ(seen_cs & 3, 3);
    EXPECT_TRUE(!(seen_dr7 & 0x2000));
    if (on_hv()) EXPECT_TRUE(!(seen_mxcsr & 0xffff'0000));
    for (const volatile u16& selector : seen_selectors) EXPECT_TRUE(selector <= 3);
    EXPECT_TRUE(steps >= 1);
    set_trap_hook(kDebug, nullptr);
}

template <class Spoil>
void check_bad_start(u32 id, Spoil spoil) {
    if (vcpu_count() <= id) return;
    VcpuGuestContext& context = prepare_context(id, nothing, nullptr);
    spoil(context);
    const u64 before = bad_starts;
    if (vcpu_op(VcpuCommand::Initialise, id, &context) != 0) return;
    EXPECT_EQ(vcpu_op(VcpuCommand::Up, id, nullptr), 0);
    wait_until_down(id);
    EXPECT_TRUE(bad_starts > before);
}

}  // namespace

void guest::test_main() {
    if (vcpu_count() < 2) skip("needs two vCPUs");
    check_bad_registers();
    check_privileges();
    set_trap_hook(kGeneralProtection, start_again);
    check_bad_start(2, [](VcpuGuestContext& context) { context.user_regs.cs = 0xe008; });
    check_bad_start(3, [](VcpuGuestContext& context) { context.user_regs.rip = 0x0000'8000'0000'0000; });
}
