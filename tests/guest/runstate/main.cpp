// Promised: a vCPU's time is accounted to running, runnable, blocked and offline without a gap, readable by hypercall
// and in a registered area. Exercised: get_runstate_info of both vCPUs, the registered area before and after blocking,
// the update flag, bad areas. A pass means: the four times add up to the time that passed, blocking shows as blocked,
// and bad areas do no harm.
#include "tests/guest/lib/events.hpp"
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/vcpu.hpp"

using namespace guest;

namespace {

constexpr unsigned kRunning = 0, kBlocked = 2, kOffline = 3;

volatile VcpuRunstateInfo area;

VcpuRunstateInfo ask(u32 vcpu = 0) {
    VcpuRunstateInfo info{};
    EXPECT_EQ(vcpu_op(VcpuCommand::GetRunstateInfo, vcpu, &info), 0);
    return info;
}

u64 sum(const VcpuRunstateInfo& info) {
    return info.time[0] + info.time[1] + info.time[2] + info.time[3];
}

void sleep_for(u64 nanoseconds) {
    static u32 timer;
    if (!timer) timer = static_cast<u32>(bind_virq(Virq::Timer));
    const u64 seen = upcall_count(timer);
    VcpuSetSingleshotTimer op{system_time() + nanoseconds, 0, 0};
    EXPECT_EQ(vcpu_op(VcpuCommand::SetSingleshotTimer, 0, &op), 0);
    wait_for_upcall(timer, seen);
}

void check_sums() {
    const u64 before = system_time();
    const VcpuRunstateInfo first = ask();
    const u64 between = system_time();
    EXPECT_EQ(first.state, kRunning);
    for (unsigned i = 0; i < 50 && ask().time[kBlocked] == first.time[kBlocked]; ++i) sleep_for(20'000'000);
    const u64 later = system_time();
    const VcpuRunstateInfo second = ask();
    const u64 after = system_time();
    EXPECT_TRUE(sum(second) - sum(first) <= after - before);
    EXPECT_TRUE(sum(second) - sum(first) + 1 >= later - between ||
                sum(second) - sum(first) >= (later - between) * 99 / 100);
    EXPECT_TRUE(second.time[kBlocked] > first.time[kBlocked]);
    EXPECT_TRUE(second.time[kRunning] > first.time[kRunning]);
    EXPECT_TRUE(second.state_entry_time >= first.state_entry_time);
}

void check_area() {
    VcpuRegisterArea op{reinterpret_cast<u64>(&area)};
    EXPECT_EQ(vcpu_op(VcpuCommand::RegisterRunstateMemoryArea, 0, &op), 0);
    EXPECT_EQ(area.state, kRunning);
    const u64 blocked = area.time[kBlocked];
    // On a busy host the deadline may have passed before the vCPU gets to wait for it:
    // then there was nothing to block for.
    for (unsigned i = 0; i < 50 && area.time[kBlocked] == blocked; ++i) sleep_for(5'000'000);
    EXPECT_EQ(area.state, kRunning);
    EXPECT_TRUE(area.time[kBlocked] > blocked);
    EXPECT_EQ(hypercall(HypercallId::VmAssist, VmAssistCommand::Enable, VmAssistType::RunstateUpdateFlag), 0);
    for (unsigned i = 0; i < 3; ++i) {
        sleep_for(1'000'000);
        EXPECT_TRUE(!(area.state_entry_time & kRunstateUpdate));
    }
}

void check_bad_areas() {
    for (const u64 bad :
         {u64{0x1000}, kHypervisorVirtStart, kHypervisorVirtStart + 0x300'0000'0000, ~u64{7}, start_info().pt_base}) {
        VcpuRegisterArea op{bad};
        vcpu_op(VcpuCommand::RegisterRunstateMemoryArea, 0, &op);  // refused now or silently not written later
        sleep_for(1'000'000);
    }
    VcpuRegisterArea op{reinterpret_cast<u64>(&area)};
    EXPECT_EQ(vcpu_op(VcpuCommand::RegisterRunstateMemoryArea, 0, &op), 0);
    EXPECT_TRUE(vcpu_op(VcpuCommand::RegisterRunstateMemoryArea, 9999, &op) < 0);
    EXPECT_TRUE(vcpu_op(VcpuCommand::GetRunstateInfo, 9999, &op) < 0);
}

}  // namespace

void guest::test_main() {
    const u64 top = *entry_for(kVirtBase, 4);
    check_sums();
    check_area();
    check_bad_areas();
    if (vcpu_count() > 1) EXPECT_EQ(ask(1).state, kOffline);
    EXPECT_EQ(*entry_for(kVirtBase, 4), top);
}
