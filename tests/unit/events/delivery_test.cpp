// Pending, masked, blocked, polling: what wakes which vCPU.
#include <atomic>
#include <thread>

#include "hv/abi/xen/sched.hpp"
#include "hv/sched/sched.hpp"
#include "tests/unit/events/guest.hpp"

namespace guest {
namespace {

std::int64_t sched_op(hv::Vcpu& vcpu, SchedCommand command, std::uint64_t argument = 0) {
    fake::on_cpu(vcpu.cpu.load());
    const As as{vcpu};
    const std::int64_t result = fake::hypercall(hv::do_sched_op, static_cast<std::uint64_t>(command), argument);
    fake::settle();
    return result;
}

std::int64_t poll(hv::Vcpu& vcpu, const Port* ports, std::uint32_t count, std::uint64_t timeout = 0) {
    SchedPoll op{.ports = reinterpret_cast<std::uintptr_t>(ports), .nr_ports = count, .pad = 0, .timeout = timeout};
    return sched_op(vcpu, SchedCommand::Poll, fake::address(op));
}

TEST_F(Events, MaskedPortWaitsForUnmask) {
    const auto [a, b] = connect();
    VcpuInfo& info = *back->vcpu(hv::VcpuId{0})->info.load();
    back->shared_info->evtchn_mask[b / 64] |= std::uint64_t{1} << b % 64;
    EXPECT_EQ(send(*front, a), 0);
    EXPECT_EQ(info.evtchn_upcall_pending, 0);
    EXPECT_EQ(info.evtchn_pending_sel, 0u);
    EventChannelUnmask op{.port = b};
    EXPECT_EQ(event_op(*back, EventChannelCommand::Unmask, op), 0);
    EXPECT_EQ(info.evtchn_upcall_pending, 1);
    EXPECT_EQ(info.evtchn_pending_sel, std::uint64_t{1} << (b / 64));
    EXPECT_TRUE(take(*back, b));
}

TEST_F(Events, EventWakesBlockedVcpu) {
    const auto [a, b] = connect();
    hv::Vcpu& vcpu = *back->vcpu(hv::VcpuId{0});
    vcpu.info.load()->evtchn_upcall_mask = 1;
    EXPECT_EQ(sched_op(vcpu, SchedCommand::Block), 0);
    EXPECT_EQ(vcpu.info.load()->evtchn_upcall_mask, 0);
    EXPECT_FALSE(vcpu.running.load());
    EXPECT_EQ(send(*front, a), 0);
    fake::settle();
    EXPECT_TRUE(vcpu.running.load());
    // With an event pending there is nothing to wait for.
    EXPECT_EQ(sched_op(vcpu, SchedCommand::Block), 0);
    EXPECT_TRUE(vcpu.running.load());
}

TEST_F(Events, PollWakesForItsPortOnly) {
    const auto [a, b] = connect();
    const auto [c, d] = connect();
    hv::Vcpu& vcpu = *back->vcpu(hv::VcpuId{0});
    // Spinlock slow path: events off, the port masked.
    vcpu.info.load()->evtchn_upcall_mask = 1;
    back->shared_info->evtchn_mask[b / 64] |= std::uint64_t{1} << b % 64;
    EXPECT_EQ(poll(vcpu, &b, 1), 0);
    EXPECT_FALSE(vcpu.running.load());
    EXPECT_EQ(vcpu.poll_port.load(), hv::EventPort{b});
    EXPECT_EQ(send(*front, a), 0);
    fake::settle();
    EXPECT_TRUE(vcpu.running.load());
    EXPECT_EQ(vcpu.poll_port.load(), hv::kNoPort);
    // Pending already: returns at once.
    EXPECT_EQ(poll(vcpu, &b, 1), 0);
    EXPECT_TRUE(vcpu.running.load());
    take(*back, b);
    // Of several, any.
    const Port both[] = {b, d};
    back->shared_info->evtchn_mask[d / 64] |= std::uint64_t{1} << d % 64;
    EXPECT_EQ(poll(vcpu, both, 2), 0);
    EXPECT_FALSE(vcpu.running.load());
    EXPECT_EQ(send(*front, c), 0);
    fake::settle();
    EXPECT_TRUE(vcpu.running.load());
}

TEST_F(Events, PollTimesOut) {
    const auto [a, b] = connect();
    hv::Vcpu& vcpu = *back->vcpu(hv::VcpuId{0});
    EXPECT_EQ(poll(vcpu, &b, 1, static_cast<std::uint64_t>(fake::now()) + 1'000'000), 0);
    EXPECT_FALSE(vcpu.running.load());
    fake::run_until(fake::now() + 1'100'000);
    EXPECT_TRUE(vcpu.running.load());
    EXPECT_EQ(poll(vcpu, nullptr, 0, 1), 0);  // a time that has passed
    fake::run_until(fake::now() + 100'000);
    EXPECT_TRUE(vcpu.running.load());
}

TEST_F(Events, PollOfNonsense) {
    hv::Vcpu& vcpu = *back->vcpu(hv::VcpuId{0});
    const std::vector<Port> ports(129, 1);
    EXPECT_EQ(poll(vcpu, ports.data(), 129), -kEINVAL);
    EXPECT_EQ(poll(vcpu, ports.data(), ~0u), -kEINVAL);
    EXPECT_EQ(poll(vcpu, nullptr, 1), -kEFAULT);
    const Port outside{5000};
    EXPECT_EQ(poll(vcpu, &outside, 1), -kEINVAL);
    EXPECT_EQ(sched_op(vcpu, SchedCommand::Poll, 8), -kEFAULT);
    EXPECT_TRUE(vcpu.running.load());
    EXPECT_TRUE(vcpu.runnable());
}

// Both ends bind, send and close without order; nothing is lost, leaked or locked up.
TEST_F(Events, ConcurrentEndsOfConnections) {
    constexpr int kRounds = 3000;
    std::atomic<Port> offered{0};
    std::thread frontend{[&] {
        fake::on_cpu(hv::CpuId{1});
        for (int i = 0; i < kRounds; ++i) {
            const hv::EventPort port = *front->events.allocate_unbound(back->id);
            offered = port.raw;
            for (int j = 0; j < 20; ++j) static_cast<void>(front->events.send(port));
            EXPECT_TRUE(front->events.close(port));
        }
        offered = ~0u;
    }};
    std::thread backend{[&] {
        fake::on_cpu(hv::CpuId{2});
        while (offered != ~0u) {
            const auto local = back->events.bind_interdomain(*front, hv::EventPort{offered});
            if (!local) continue;
            static_cast<void>(back->events.send(*local));
            EXPECT_TRUE(back->events.close(*local));
        }
    }};
    std::thread noise{[&] {
        fake::on_cpu(hv::CpuId{3});
        for (Port number = 1; offered != ~0u; number = number % 8 + 1) {
            const hv::EventPort port{number};
            static_cast<void>(front->events.unmask(port));
            static_cast<void>(front->events.bind_vcpu(port, hv::VcpuId{number % 2}));
            static_cast<void>(back->events.is_pending(port));
            hv::notify_global_virq(*front, 11);
        }
    }};
    frontend.join();
    backend.join();
    noise.join();
    EXPECT_EQ(front->events.ports_in_use(), 0u);
    EXPECT_EQ(back->events.ports_in_use(), 0u);
    fake::settle();
}

}  // namespace
}  // namespace guest
