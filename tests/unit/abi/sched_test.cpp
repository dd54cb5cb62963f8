#include "tests/unit/abi/conformance.hpp"

extern "C" {
#include <xen/sched.h>
}

#include "hv/abi/xen/sched.hpp"

namespace our = hv::abi::xen;

TEST(XenSched, Commands) {
    EXPECT_SAME_VALUE(our::SchedCommand::Yield, SCHEDOP_yield);
    EXPECT_SAME_VALUE(our::SchedCommand::Block, SCHEDOP_block);
    EXPECT_SAME_VALUE(our::SchedCommand::Shutdown, SCHEDOP_shutdown);
    EXPECT_SAME_VALUE(our::SchedCommand::Poll, SCHEDOP_poll);
    EXPECT_SAME_VALUE(our::SchedCommand::RemoteShutdown, SCHEDOP_remote_shutdown);
    EXPECT_SAME_VALUE(our::SchedCommand::ShutdownCode, SCHEDOP_shutdown_code);
    EXPECT_SAME_VALUE(our::SchedCommand::Watchdog, SCHEDOP_watchdog);
    EXPECT_SAME_VALUE(our::SchedCommand::PinOverride, SCHEDOP_pin_override);
    EXPECT_SAME_VALUE(our::ShutdownReason::Poweroff, SHUTDOWN_poweroff);
    EXPECT_SAME_VALUE(our::ShutdownReason::Reboot, SHUTDOWN_reboot);
    EXPECT_SAME_VALUE(our::ShutdownReason::Suspend, SHUTDOWN_suspend);
    EXPECT_SAME_VALUE(our::ShutdownReason::Crash, SHUTDOWN_crash);
    EXPECT_SAME_VALUE(our::ShutdownReason::Watchdog, SHUTDOWN_watchdog);
    EXPECT_SAME_VALUE(our::ShutdownReason::SoftReset, SHUTDOWN_soft_reset);
    EXPECT_SAME_VALUE(our::kShutdownReasonMax, SHUTDOWN_MAX);
}

TEST(XenSched, Structures) {
    EXPECT_SAME_SIZE(our::SchedShutdown, sched_shutdown);
    EXPECT_SAME_OFFSET(our::SchedShutdown, reason, sched_shutdown, reason);
    EXPECT_SAME_SIZE(our::SchedPoll, sched_poll);
    EXPECT_SAME_OFFSET(our::SchedPoll, ports, sched_poll, ports);
    EXPECT_SAME_OFFSET(our::SchedPoll, nr_ports, sched_poll, nr_ports);
    EXPECT_SAME_OFFSET(our::SchedPoll, timeout, sched_poll, timeout);
    EXPECT_SAME_SIZE(our::SchedRemoteShutdown, sched_remote_shutdown);
    EXPECT_SAME_OFFSET(our::SchedRemoteShutdown, domid, sched_remote_shutdown, domain_id);
    EXPECT_SAME_OFFSET(our::SchedRemoteShutdown, reason, sched_remote_shutdown, reason);
    EXPECT_SAME_SIZE(our::SchedWatchdog, sched_watchdog);
    EXPECT_SAME_OFFSET(our::SchedWatchdog, id, sched_watchdog, id);
    EXPECT_SAME_OFFSET(our::SchedWatchdog, timeout, sched_watchdog, timeout);
    EXPECT_SAME_SIZE(our::SchedPinOverride, sched_pin_override);
    EXPECT_SAME_OFFSET(our::SchedPinOverride, pcpu, sched_pin_override, pcpu);
}
