// Promised: yield, block and poll give the CPU up and come back when they should; the watchdog and shutdown codes are
// kept. Exercised: block with an event pending and masked, poll on ports with and without timeout, bad poll lists,
// watchdogs, bad reasons. A pass means: no wake-up was lost, no vCPU woke without reason before the timeout, bad
// arguments were refused.
#include "tests/guest/lib/events.hpp"
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/vcpu.hpp"

using namespace guest;

namespace {

long poll(const u32* ports, u32 count, u64 timeout) {
    SchedPoll op{reinterpret_cast<u64>(ports), count, 0, timeout};
    return sched_op(SchedCommand::Poll, &op);
}

void check_block() {
    const u32 port = static_cast<u32>(bind_ipi(0));
    disable_events();
    const u64 before = upcall_count(port);
    EXPECT_EQ(send(port), 0);
    EXPECT_EQ(sched_op(SchedCommand::Block, nullptr), 0);  // something waits already: does not sleep
    EXPECT_EQ(upcall_count(port), before + 1);
    EXPECT_EQ(this_vcpu().info().evtchn_upcall_mask, 0);
    disable_events();
    EXPECT_EQ(close_port(port), 0);
}

void check_poll() {
    const u32 port = static_cast<u32>(bind_ipi(0));
    mask_port(port);
    const u64 before = upcall_count(port);
    EXPECT_EQ(send(port), 0);
    EXPECT_EQ(poll(&port, 1, 0), 0);  // pending, though masked: at once
    EXPECT_EQ(upcall_count(port), before);
    clear_pending(port);
    const u64 when = system_time() + 5'000'000;
    EXPECT_EQ(poll(&port, 1, when), 0);
    EXPECT_TRUE(system_time() >= when);
    EXPECT_EQ(poll(&port, 1, 1), 0);  // long over
    EXPECT_EQ(poll(nullptr, 0, system_time() + 1'000'000), 0);
    static u32 many[200];
    EXPECT_TRUE(poll(many, 129, 0) < 0);
    EXPECT_EQ(poll(reinterpret_cast<u32*>(0x1000), 1, 0), -kEFAULT);
    const u32 bad = 0xffff'ffff;
    EXPECT_TRUE(poll(&bad, 1, 0) < 0);
    // No such port yet: it is refused, or nothing comes and the time passes.
    for (const u32 never : {500u, 2000u, 4095u}) {
        const long result = poll(&never, 1, 1);
        EXPECT_TRUE(result == 0 || result == -kEINVAL);
        if (on_hv()) EXPECT_EQ(result, 0);
    }
    const u32 beyond = 4096;
    EXPECT_EQ(poll(&beyond, 1, 1), -kEINVAL);
    EXPECT_EQ(close_port(port), 0);
}

void check_wake_from_other() {
    if (vcpu_count() < 2) return;
    static u32 port;
    static volatile bool sleeping;
    port = static_cast<u32>(bind_ipi(1));
    mask_port(port);
    const auto body = [](void*) {
        for (unsigned i = 0; i < 200; ++i) {
            sleeping = true;
            poll(&port, 1, 0);
            clear_pending(port);
            while (sleeping) yield();
        }
    };
    REQUIRE_EQ(start_vcpu(1, body, nullptr), 0);
    for (unsigned i = 0; i < 200; ++i) {
        while (!sleeping) yield();
        EXPECT_EQ(send(port), 0);
        while (port_pending(port)) yield();
        sleeping = false;
    }
    wait_until_down(1);
}

void check_small() {
    EXPECT_EQ(sched_op(SchedCommand::Yield, nullptr), 0);
    EXPECT_EQ(hypercall(HypercallId::SchedOpCompat, SchedCommand::Yield, 0), 0);
    EXPECT_EQ(hypercall(HypercallId::SchedOpCompat, SchedCommand::Poll, 0), -kENOSYS);  // never had this form
    SchedWatchdog watchdog{0, 30};
    const long id = sched_op(SchedCommand::Watchdog, &watchdog);
    EXPECT_TRUE(id > 0);
    watchdog.id = static_cast<u32>(id);
    EXPECT_EQ(sched_op(SchedCommand::Watchdog, &watchdog), 0);
    watchdog.timeout = 0;
    EXPECT_EQ(sched_op(SchedCommand::Watchdog, &watchdog), 0);
    EXPECT_TRUE(sched_op(SchedCommand::Watchdog, &watchdog) < 0);  // is gone
    watchdog = {77, 10};
    EXPECT_TRUE(sched_op(SchedCommand::Watchdog, &watchdog) < 0);
    SchedRemoteShutdown remote{1234, 0, 0};
    EXPECT_EQ(sched_op(SchedCommand::RemoteShutdown, &remote), -kESRCH);
}

}  // namespace

void guest::test_main() {
    check_block();
    check_poll();
    check_wake_from_other();
    check_small();
}
