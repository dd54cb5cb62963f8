#include "tests/unit/abi/conformance.hpp"

extern "C" {
#include <xen/vcpu.h>
}

#include "hv/abi/xen/vcpu.hpp"

namespace our = hv::abi::xen;

TEST(XenVcpu, Commands) {
    EXPECT_SAME_VALUE(our::VcpuCommand::Initialise, VCPUOP_initialise);
    EXPECT_SAME_VALUE(our::VcpuCommand::Up, VCPUOP_up);
    EXPECT_SAME_VALUE(our::VcpuCommand::Down, VCPUOP_down);
    EXPECT_SAME_VALUE(our::VcpuCommand::IsUp, VCPUOP_is_up);
    EXPECT_SAME_VALUE(our::VcpuCommand::GetRunstateInfo, VCPUOP_get_runstate_info);
    EXPECT_SAME_VALUE(our::VcpuCommand::RegisterRunstateMemoryArea, VCPUOP_register_runstate_memory_area);
    EXPECT_SAME_VALUE(our::VcpuCommand::SetPeriodicTimer, VCPUOP_set_periodic_timer);
    EXPECT_SAME_VALUE(our::VcpuCommand::StopPeriodicTimer, VCPUOP_stop_periodic_timer);
    EXPECT_SAME_VALUE(our::VcpuCommand::SetSingleshotTimer, VCPUOP_set_singleshot_timer);
    EXPECT_SAME_VALUE(our::VcpuCommand::StopSingleshotTimer, VCPUOP_stop_singleshot_timer);
    EXPECT_SAME_VALUE(our::VcpuCommand::RegisterVcpuInfo, VCPUOP_register_vcpu_info);
    EXPECT_SAME_VALUE(our::VcpuCommand::SendNmi, VCPUOP_send_nmi);
    EXPECT_SAME_VALUE(our::VcpuCommand::GetPhysid, VCPUOP_get_physid);
    EXPECT_SAME_VALUE(our::VcpuCommand::RegisterVcpuTimeMemoryArea, VCPUOP_register_vcpu_time_memory_area);
    EXPECT_SAME_VALUE(our::RunstateKind::Running, RUNSTATE_running);
    EXPECT_SAME_VALUE(our::RunstateKind::Runnable, RUNSTATE_runnable);
    EXPECT_SAME_VALUE(our::RunstateKind::Blocked, RUNSTATE_blocked);
    EXPECT_SAME_VALUE(our::RunstateKind::Offline, RUNSTATE_offline);
    EXPECT_EQ(our::kRunstateUpdate, XEN_RUNSTATE_UPDATE);
    EXPECT_SAME_VALUE(our::kSingleshotFuture, VCPU_SSHOTTMR_future);
}

TEST(XenVcpu, Structures) {
    EXPECT_SAME_SIZE(our::VcpuRunstateInfo, vcpu_runstate_info);
    EXPECT_SAME_OFFSET(our::VcpuRunstateInfo, state, vcpu_runstate_info, state);
    EXPECT_SAME_OFFSET(our::VcpuRunstateInfo, state_entry_time, vcpu_runstate_info, state_entry_time);
    EXPECT_SAME_OFFSET(our::VcpuRunstateInfo, time, vcpu_runstate_info, time);
    EXPECT_SAME_SIZE(our::VcpuRegisterArea, vcpu_register_runstate_memory_area);
    EXPECT_SAME_OFFSET(our::VcpuRegisterArea, address, vcpu_register_runstate_memory_area, addr);
    EXPECT_SAME_SIZE(our::VcpuRegisterArea, vcpu_register_time_memory_area);
    EXPECT_SAME_OFFSET(our::VcpuRegisterArea, address, vcpu_register_time_memory_area, addr);
    EXPECT_SAME_SIZE(our::VcpuSetPeriodicTimer, vcpu_set_periodic_timer);
    EXPECT_SAME_OFFSET(our::VcpuSetPeriodicTimer, period_ns, vcpu_set_periodic_timer, period_ns);
    EXPECT_SAME_SIZE(our::VcpuSetSingleshotTimer, vcpu_set_singleshot_timer);
    EXPECT_SAME_OFFSET(our::VcpuSetSingleshotTimer, timeout_abs_ns, vcpu_set_singleshot_timer, timeout_abs_ns);
    EXPECT_SAME_OFFSET(our::VcpuSetSingleshotTimer, flags, vcpu_set_singleshot_timer, flags);
    EXPECT_SAME_SIZE(our::VcpuRegisterVcpuInfo, vcpu_register_vcpu_info);
    EXPECT_SAME_OFFSET(our::VcpuRegisterVcpuInfo, mfn, vcpu_register_vcpu_info, mfn);
    EXPECT_SAME_OFFSET(our::VcpuRegisterVcpuInfo, offset, vcpu_register_vcpu_info, offset);
    EXPECT_SAME_OFFSET(our::VcpuRegisterVcpuInfo, reserved, vcpu_register_vcpu_info, rsvd);
    EXPECT_SAME_SIZE(our::VcpuGetPhysid, vcpu_get_physid);
    EXPECT_SAME_OFFSET(our::VcpuGetPhysid, phys_id, vcpu_get_physid, phys_id);
}
