#include "tests/unit/events/guest.hpp"

#include "hv/abi/control/control.hpp"
#include "hv/abi/xen/shared_info.hpp"

#include <utility>
#include <vector>

namespace guest {
namespace {

TEST_F(Events, ConnectSendClose) {
    const auto [a, b] = connect();
    EXPECT_EQ(state(*front, a), EventChannelState::Interdomain);
    const EventChannelStatus seen = status(*back, b);
    EXPECT_EQ(seen.u.interdomain.domid, front->id.raw);
    EXPECT_EQ(seen.u.interdomain.port, a);

    EXPECT_EQ(send(*front, a), 0);
    EXPECT_TRUE(take(*back, b));
    EXPECT_EQ(send(*back, b), 0);
    EXPECT_TRUE(take(*front, a));

    // The backend goes: the frontend's port is unbound, and can be bound by the same domain only.
    EXPECT_EQ(close(*back, b), 0);
    EXPECT_EQ(state(*back, b), EventChannelState::Closed);
    EXPECT_EQ(state(*front, a), EventChannelState::Unbound);
    EXPECT_EQ(status(*front, a).u.unbound.domid, back->id.raw);
    EXPECT_EQ(send(*front, a), 0);  // nothing is bound to it
    Port other = 0;
    EXPECT_EQ(bind_interdomain(fake::dom0(), *front, a, other), -kEINVAL);
    EXPECT_EQ(bind_interdomain(*back, *front, a, other), 0);
    EXPECT_TRUE(take(*back, other));  // something may have been missed
    EXPECT_EQ(send(*front, a), 0);
    EXPECT_TRUE(take(*back, other));
}

// A guest with all ports in use that closes and makes the lowest one has hv look at all others when it wants one more.
TEST_F(Events, AFreePortIsLookedForInPieces) {
    hv::abi::control::CreateDomain config{};
    config.domain = hv::abi::control::kDomainAny;
    config.max_vcpus = 1;
    config.max_event_ports = kTwoLevelPorts;
    hv::Domain& domain = fake::make_domain(config);
    Port lowest = 0;
    EventChannelAllocUnbound op{.domid = kDomidSelf, .remote_domid = back->id.raw, .port = 0};
    while (event_op(domain, EventChannelCommand::AllocUnbound, op) == 0)
        if (lowest == 0) lowest = op.port;
    ASSERT_NE(lowest, 0u);
    ASSERT_EQ(close(domain, lowest), 0);
    ASSERT_EQ(alloc_unbound(domain, *back), lowest);

    const As as{domain};
    fake::preempt_every(1);
    hv::HypercallArguments arguments{
        {static_cast<std::uint64_t>(EventChannelCommand::AllocUnbound), fake::address(op)}};
    unsigned tries = 1;
    hv::HypercallResult result = hv::do_event_channel_op(arguments);
    for (; !result && result.error() == hv::Error::Restart && tries < 1000; ++tries)
        result = hv::do_event_channel_op(arguments);
    fake::preempt_every(0);
    EXPECT_GT(tries, 1u);
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error(), hv::Error::NoSpace);
}

TEST_F(Events, ConnectionToOneself) {
    const Port a = alloc_unbound(*front, *front);
    Port b = 0;
    EXPECT_EQ(bind_interdomain(*front, *front, a, b), 0);
    EXPECT_EQ(send(*front, a), 0);
    EXPECT_TRUE(take(*front, b));
    EXPECT_EQ(close(*front, a), 0);
    EXPECT_EQ(state(*front, b), EventChannelState::Unbound);
    EXPECT_EQ(close(*front, b), 0);
    EXPECT_EQ(front->events.ports_in_use(), 0u);
}

TEST_F(Events, OnlyThePrivilegedDomainAllocatesForOthers) {
    EventChannelAllocUnbound op{.domid = front->id.raw, .remote_domid = back->id.raw, .port = 0};
    EXPECT_EQ(event_op(*back, EventChannelCommand::AllocUnbound, op), -kEPERM);
    op.remote_domid = kDomidSelf;
    EXPECT_EQ(event_op(fake::dom0(), EventChannelCommand::AllocUnbound, op), 0);
    EXPECT_EQ(status(*front, op.port).u.unbound.domid, 0);
    EventChannelStatus other{};
    other.domid = front->id.raw;
    other.port = op.port;
    EXPECT_EQ(event_op(*back, EventChannelCommand::Status, other), -kEPERM);
    EXPECT_EQ(event_op(fake::dom0(), EventChannelCommand::Status, other), 0);
}

TEST_F(Events, BadPorts) {
    Port local = 0;
    for (const Port port : {0u, 1u, 63u, 64u, 4095u, 4096u, 131071u, 131072u, ~0u}) {
        EXPECT_EQ(send(*front, port), -kEINVAL) << port;
        EXPECT_EQ(close(*front, port), -kEINVAL) << port;
        EXPECT_EQ(bind_interdomain(*back, *front, port, local), -kEINVAL) << port;
        EventChannelUnmask unmask{.port = port};
        EXPECT_EQ(event_op(*front, EventChannelCommand::Unmask, unmask), -kEINVAL) << port;
        EventChannelBindVcpu bind{.port = port, .vcpu = 0};
        EXPECT_EQ(event_op(*front, EventChannelCommand::BindVcpu, bind), -kEINVAL) << port;
        EventChannelSetPriority priority{.port = port, .priority = 0};
        EXPECT_EQ(event_op(*front, EventChannelCommand::SetPriority, priority), -kEINVAL) << port;
    }
    EventChannelBindInterdomain nobody{.remote_domid = 3999, .pad = 0, .remote_port = 1, .local_port = 0};
    EXPECT_EQ(event_op(*front, EventChannelCommand::BindInterdomain, nobody), -kESRCH);
    const As as{*front};
    EXPECT_EQ(fake::hypercall(hv::do_event_channel_op, 4, 16), -kEFAULT);
    EXPECT_EQ(fake::hypercall(hv::do_event_channel_op, 14, 16), -kENOSYS);
    EXPECT_EQ(fake::hypercall(hv::do_event_channel_op, ~std::uint64_t{0}, 16), -kENOSYS);
    EXPECT_EQ(front->events.ports_in_use(), 0u);
}

TEST_F(Events, NoMoreThanTheMaximum) {
    std::uint32_t made = 0;
    for (;;) {
        EventChannelBindIpi op{.vcpu = 1, .port = 0};
        const std::int64_t result = event_op(*front, EventChannelCommand::BindIpi, op);
        if (result == -kENOSPC) break;
        ASSERT_EQ(result, 0);
        ++made;
    }
    EXPECT_EQ(made, hv::EventChannels::kDefaultMaxPorts - 1);
    EXPECT_EQ(close(*front, 77), 0);
    EventChannelBindIpi op{.vcpu = 0, .port = 0};
    EXPECT_EQ(event_op(*front, EventChannelCommand::BindIpi, op), 0);
    EXPECT_EQ(op.port, 77u);
}

TEST_F(Events, VirqsPerVcpuAndGlobal) {
    EventChannelBindVirq op{.virq = 0, .vcpu = 1, .port = 0};
    ASSERT_EQ(event_op(*front, EventChannelCommand::BindVirq, op), 0);
    EXPECT_EQ(event_op(*front, EventChannelCommand::BindVirq, op), -kEEXIST);
    hv::notify_vcpu_virq(*front->vcpu(hv::VcpuId{0}), 0);
    EXPECT_FALSE(take(*front, op.port));
    hv::notify_vcpu_virq(*front->vcpu(hv::VcpuId{1}), 0);
    EXPECT_EQ(front->vcpu(hv::VcpuId{1})->info.load()->evtchn_upcall_pending, 1);
    EXPECT_TRUE(take(*front, op.port));
    EventChannelBindVcpu move{.port = op.port, .vcpu = 0};
    EXPECT_EQ(event_op(*front, EventChannelCommand::BindVcpu, move), -kEINVAL);  // it belongs to its vCPU
    EXPECT_EQ(close(*front, op.port), 0);
    hv::notify_vcpu_virq(*front->vcpu(hv::VcpuId{1}), 0);
    EXPECT_FALSE(take(*front, op.port));

    for (const auto& [virq, vcpu, wanted] : {std::tuple{24u, 0u, -kEINVAL},
                                             {0u, 2u, -kENOENT},
                                             {~0u, 0u, -kEINVAL},
                                             {2u, 0u, -kEPERM},
                                             {3u, 0u, -kEPERM},
                                             {11u, 1u, -kEINVAL},
                                             {16u, 0u, -kEPERM}}) {
        EventChannelBindVirq bad{.virq = virq, .vcpu = vcpu, .port = 0};
        EXPECT_EQ(event_op(*front, EventChannelCommand::BindVirq, bad), wanted) << virq;
    }

    EventChannelBindVirq exception{.virq = 3, .vcpu = 0, .port = 0};
    ASSERT_EQ(event_op(fake::dom0(), EventChannelCommand::BindVirq, exception), 0);
    move = {.port = exception.port, .vcpu = 2};
    EXPECT_EQ(event_op(fake::dom0(), EventChannelCommand::BindVcpu, move), 0);
    front->shutdown(0);
    EXPECT_EQ(fake::dom0().vcpu(hv::VcpuId{2})->info.load()->evtchn_upcall_pending, 1);
    EXPECT_TRUE(take(fake::dom0(), exception.port));
    EXPECT_EQ(close(fake::dom0(), exception.port), 0);
}

TEST_F(Events, Pirqs) {
    EventChannelBindPirq op{.pirq = 9, .flags = kBindPirqWillShare, .port = 0};
    EXPECT_EQ(event_op(*front, EventChannelCommand::BindPirq, op), -kEPERM);
    ASSERT_EQ(event_op(fake::dom0(), EventChannelCommand::BindPirq, op), 0);
    EXPECT_TRUE(fake::pirq_bound(9));
    EXPECT_EQ(event_op(fake::dom0(), EventChannelCommand::BindPirq, op), -kEEXIST);
    EXPECT_EQ(send(fake::dom0(), op.port), -kEINVAL);
    hv::send_pirq_event(fake::dom0(), 9);
    EXPECT_TRUE(take(fake::dom0(), op.port));
    EXPECT_EQ(fake::dom0().events.pirq_port(9), hv::EventPort{op.port});
    EXPECT_EQ(close(fake::dom0(), op.port), 0);
    EXPECT_FALSE(fake::pirq_bound(9));
    hv::send_pirq_event(fake::dom0(), 9);
    hv::send_pirq_event(fake::dom0(), 5000);
    EventChannelBindPirq bad{.pirq = 5000, .flags = 0, .port = 0};
    EXPECT_EQ(event_op(fake::dom0(), EventChannelCommand::BindPirq, bad), -kEINVAL);
    bad = {.pirq = 3, .flags = 4, .port = 0};
    EXPECT_EQ(event_op(fake::dom0(), EventChannelCommand::BindPirq, bad), -kEINVAL);
    fake::fail_pirq(true);
    bad = {.pirq = 3, .flags = 0, .port = 0};
    const std::uint32_t before = fake::dom0().events.ports_in_use();
    EXPECT_EQ(event_op(fake::dom0(), EventChannelCommand::BindPirq, bad), -kEBUSY);
    EXPECT_EQ(fake::dom0().events.ports_in_use(), before);
    fake::fail_pirq(false);
}

TEST_F(Events, DestroyedPeerLeavesThePortUnbound) {
    const auto [a, b] = connect();
    fake::preempt_every(3);
    for (int i = 0; i < 200; ++i) connect();
    EXPECT_TRUE(fake::destroy(*back));
    EXPECT_EQ(state(*front, a), EventChannelState::Unbound);
    EXPECT_EQ(front->events.ports_in_use(), 201u);
    EXPECT_EQ(send(*front, a), 0);
}

// A guest that leaves a reset in its middle, and makes ports that the reset was past, must not be gone with them in
// use: the other end would go on sending to it.
TEST_F(Events, AnAbandonedResetLeavesNoPortToATearDown) {
    std::vector<std::pair<Port, Port>> ports;
    for (int i = 0; i < 64; ++i) ports.push_back(connect());
    {
        const As as{*front};
        EventChannelReset reset{.domid = kDomidSelf};
        hv::HypercallArguments arguments{
            {static_cast<std::uint64_t>(EventChannelCommand::Reset), fake::address(reset)}};
        fake::preempt_every(2);
        const hv::HypercallResult stopped = hv::do_event_channel_op(arguments);
        fake::preempt_every(0);
        ASSERT_FALSE(stopped);
        ASSERT_EQ(stopped.error(), hv::Error::Restart);
    }
    const auto [low, peer] = connect();
    ASSERT_LT(low, 16u);
    ASSERT_EQ(state(*back, peer), EventChannelState::Interdomain);
    EXPECT_TRUE(fake::destroy(*front));
    EXPECT_EQ(state(*back, peer), EventChannelState::Unbound);
    for (const auto& [mine, theirs] : ports) EXPECT_EQ(state(*back, theirs), EventChannelState::Unbound) << theirs;
    EXPECT_EQ(send(*back, peer), 0);
}

TEST_F(Events, ResetClosesEverything) {
    const auto [a, b] = connect();
    EventChannelBindVirq timer{.virq = 0, .vcpu = 0, .port = 0};
    ASSERT_EQ(event_op(*front, EventChannelCommand::BindVirq, timer), 0);
    fake::preempt_every(1);
    EventChannelReset reset{.domid = kDomidSelf};
    EXPECT_EQ(event_op(*front, EventChannelCommand::Reset, reset), 0);
    EXPECT_EQ(front->events.ports_in_use(), 0u);
    EXPECT_EQ(state(*back, b), EventChannelState::Unbound);
    reset.domid = front->id.raw;
    EXPECT_EQ(event_op(*back, EventChannelCommand::Reset, reset), -kEPERM);
    EXPECT_EQ(event_op(fake::dom0(), EventChannelCommand::Reset, reset), -kEINVAL);  // it is not paused
    EXPECT_EQ(event_op(*front, EventChannelCommand::BindVirq, timer), 0);
}

}  // namespace
}  // namespace guest
