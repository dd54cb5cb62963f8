// Promised: pvclock never goes back, the single-shot, periodic and set_timer_op timers fire, and not before their time.
// Exercised: all three timers, timeouts in the past, stopping, flags, periods too short, ticks of a vCPU that sleeps,
// both vCPUs' clocks. A pass means: every timer that was set fired after its time by the guest's own clock; stopped
// ones did not, and ticks woke no vCPU. How long after is not judged.
#include "tests/guest/lib/events.hpp"
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/vcpu.hpp"

using namespace guest;

namespace {

constexpr u64 kMillisecond = 1'000'000;

u32 timer;

long set_singleshot(u64 when, u32 flags = 0, u32 vcpu = 0) {
    VcpuSetSingleshotTimer op{when, flags, 0};
    return vcpu_op(VcpuCommand::SetSingleshotTimer, vcpu, &op);
}

void check_clock() {
    u64 last = 0;
    for (unsigned i = 0; i < 20000; ++i) {
        const u64 now = system_time();
        if (now < last) {
            note_failure(Text{}.add("the clock went back from ", last, " to ", now));
            break;
        }
        last = now;
    }
    EXPECT_TRUE(this_vcpu().info().time.tsc_to_system_mul != 0);
}

void check_singleshot() {
    for (unsigned i = 0; i < 5; ++i) {
        const u64 seen = upcall_count(timer), when = system_time() + 2 * kMillisecond;
        EXPECT_EQ(set_singleshot(when), 0);
        wait_for_upcall(timer, seen);
        EXPECT_TRUE(system_time() >= when);
    }
    u64 seen = upcall_count(timer);
    EXPECT_EQ(set_singleshot(1), 0);  // long ago: at once
    wait_for_upcall(timer, seen);
    const long late = set_singleshot(1, kSingleshotFuture);
    EXPECT_TRUE(late == -kETIME || late == 0);
    if (late == 0) wait_for_upcall(timer, seen + 1);
    EXPECT_TRUE(set_singleshot(system_time(), 0, 9999) < 0);
    // Stopped is stopped: another timer that is set later fires first and alone.
    seen = upcall_count(timer);
    EXPECT_EQ(set_singleshot(system_time() + 30 * kMillisecond), 0);
    EXPECT_EQ(vcpu_op(VcpuCommand::StopSingleshotTimer, 0, nullptr), 0);
    const u64 end = system_time() + 60 * kMillisecond;
    while (system_time() < end) yield();
    EXPECT_EQ(upcall_count(timer), seen);
}

void check_set_timer() {
    const u64 seen = upcall_count(timer), when = system_time() + 3 * kMillisecond;
    EXPECT_EQ(hypercall(HypercallId::SetTimerOp, when), 0);
    wait_for_upcall(timer, seen);
    EXPECT_TRUE(system_time() >= when);
    EXPECT_EQ(hypercall(HypercallId::SetTimerOp, 0), 0);  // off
    EXPECT_EQ(hypercall(HypercallId::SetTimerOp, u64{1}), 0);
    wait_for_upcall(timer, seen + 1);
}

void check_periodic() {
    VcpuSetPeriodicTimer op{5 * kMillisecond};
    const u64 seen = upcall_count(timer), start = system_time();
    EXPECT_EQ(vcpu_op(VcpuCommand::SetPeriodicTimer, 0, &op), 0);
    // It need not tick while the vCPU sleeps, so this one stays awake.
    while (upcall_count(timer) < seen + 4) asm volatile("pause" : : : "memory");
    EXPECT_TRUE(system_time() >= start + 3 * op.period_ns);
    EXPECT_EQ(vcpu_op(VcpuCommand::StopPeriodicTimer, 0, nullptr), 0);
    op.period_ns = 1;
    EXPECT_TRUE(vcpu_op(VcpuCommand::SetPeriodicTimer, 0, &op) < 0);
    op.period_ns = ~0ull;
    EXPECT_TRUE(vcpu_op(VcpuCommand::SetPeriodicTimer, 0, &op) < 0);
}

// A vCPU that sleeps gets no ticks; the one that came due meanwhile waits for it.
void check_periodic_asleep() {
    VcpuSetPeriodicTimer op{kMillisecond};
    EXPECT_EQ(vcpu_op(VcpuCommand::SetPeriodicTimer, 0, &op), 0);
    const u64 seen = upcall_count(timer), when = system_time() + 50 * kMillisecond;
    EXPECT_EQ(set_singleshot(when), 0);
    while (system_time() < when) sched_op(SchedCommand::Block, nullptr);
    // One before it slept, one with the single-shot's, and what it was awake for.
    EXPECT_TRUE(upcall_count(timer) > seen && upcall_count(timer) < seen + 10);
    const u64 awake = upcall_count(timer);
    while (upcall_count(timer) < awake + 3) asm volatile("pause" : : : "memory");
    EXPECT_EQ(vcpu_op(VcpuCommand::StopPeriodicTimer, 0, nullptr), 0);
}

void check_other_clock() {
    if (vcpu_count() < 2) return;
    static volatile u64 theirs;
    const u64 before = system_time();
    REQUIRE_EQ(start_vcpu(
                   1, [](void*) { theirs = system_time(); }, nullptr),
               0);
    wait_until_down(1);
    const u64 after = system_time();
    EXPECT_TRUE(theirs >= before && theirs <= after);
}

}  // namespace

void guest::test_main() {
    timer = static_cast<u32>(bind_virq(Virq::Timer));
    vcpu_op(VcpuCommand::StopPeriodicTimer, 0, nullptr);  // a vCPU may start with one
    enable_events();
    check_clock();
    check_singleshot();
    check_set_timer();
    check_periodic();
    check_periodic_asleep();
    check_other_clock();
    check_clock();
}
