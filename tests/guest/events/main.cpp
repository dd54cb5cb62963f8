// Promised: two-level event channels: every kind of port, delivery by upcall once per edge, masks, status, limits.
// Exercised: unbound, interdomain to itself, IPI and virtual interrupt ports; send, mask, unmask, close, reset; vCPU
// binding; ports and vCPUs out of range; running out of ports; the first form of the hypercall.
// A pass means: each event arrived exactly where and when it should, and no bad number did anything.
#include "tests/guest/lib/events.hpp"
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/vcpu.hpp"

using namespace guest;

namespace {

u32 port_of(long result) {
    REQUIRE_TRUE(result > 0);
    return static_cast<u32>(result);
}

void check_interdomain() {
    const u32 listener = port_of(alloc_unbound(kDomidSelf, kDomidSelf));
    EventChannelStatus status;
    EXPECT_EQ(port_status(listener, status), 0);
    EXPECT_EQ(status.status, EventChannelState::Unbound);
    EXPECT_TRUE(send(listener) <= 0);  // nothing is bound to it
    const u32 peer = port_of(bind_interdomain(kDomidSelf, listener));
    EXPECT_EQ(port_status(listener, status), 0);
    EXPECT_EQ(status.status, EventChannelState::Interdomain);
    EXPECT_EQ(status.u.interdomain.port, peer);
    EXPECT_TRUE(bind_interdomain(kDomidSelf, listener) < 0);  // taken
    enable_events();
    const u64 at_listener = upcall_count(listener), at_peer = upcall_count(peer);  // binding may set one pending
    EXPECT_EQ(send(peer), 0);
    EXPECT_EQ(upcall_count(listener), at_listener + 1);
    EXPECT_EQ(send(listener), 0);
    EXPECT_EQ(upcall_count(peer), at_peer + 1);

    disable_events();
    EXPECT_EQ(send(peer), 0);
    EXPECT_EQ(send(peer), 0);
    EXPECT_EQ(upcall_count(listener), at_listener + 1);
    EXPECT_TRUE(port_pending(listener));
    enable_events();
    EXPECT_EQ(upcall_count(listener), at_listener + 2);  // two sends, one edge

    mask_port(listener);
    EXPECT_EQ(send(peer), 0);
    EXPECT_EQ(upcall_count(listener), at_listener + 2);
    EXPECT_TRUE(port_pending(listener));
    EXPECT_EQ(unmask(listener), 0);
    EXPECT_EQ(upcall_count(listener), at_listener + 3);
    EXPECT_TRUE(!port_pending(listener));
    disable_events();

    EXPECT_EQ(close_port(peer), 0);
    EXPECT_EQ(port_status(listener, status), 0);
    EXPECT_EQ(status.status, EventChannelState::Unbound);  // waits again
    EXPECT_EQ(close_port(listener), 0);
    EXPECT_EQ(port_status(listener, status), 0);
    EXPECT_EQ(status.status, EventChannelState::Closed);
    EXPECT_TRUE(close_port(listener) < 0);
    EXPECT_TRUE(send(listener) < 0);
}

void check_ipi_and_virq() {
    const u32 ipi = port_of(bind_ipi(0));
    EventChannelStatus status;
    EXPECT_EQ(port_status(ipi, status), 0);
    EXPECT_EQ(status.status, EventChannelState::Ipi);
    enable_events();
    const u64 before = upcall_count(ipi);
    EXPECT_EQ(send(ipi), 0);
    EXPECT_EQ(upcall_count(ipi), before + 1);
    disable_events();
    EventChannelBindVcpu move{ipi, 0};
    EXPECT_TRUE(event_op(EventChannelCommand::BindVcpu, &move) < 0);  // an IPI stays where it is
    const u32 virq = port_of(bind_virq(Virq::Debug));
    EXPECT_EQ(port_status(virq, status), 0);
    EXPECT_EQ(status.status, EventChannelState::Virq);
    EXPECT_EQ(status.u.virq, Virq::Debug);
    EXPECT_EQ(bind_virq(Virq::Debug), -kEEXIST);
    EXPECT_TRUE(send(virq) < 0);  // not the guest's to send
    EXPECT_EQ(close_port(virq), 0);
    const u32 again = port_of(bind_virq(Virq::Debug));
    EXPECT_EQ(close_port(again), 0);
    EXPECT_EQ(close_port(ipi), 0);
    EXPECT_TRUE(bind_virq(static_cast<Virq>(24)) < 0);
    EXPECT_TRUE(bind_virq(static_cast<Virq>(~0u)) < 0);
    EXPECT_TRUE(bind_virq(Virq::Timer, 9999) < 0);
    EXPECT_TRUE(bind_ipi(9999) < 0);
}

void check_numbers() {
    for (const u32 port : {0u, 4095u, 4096u, 131071u, 131072u, 0x7fff'ffffu, 0xffff'ffffu}) {
        EventChannelStatus status;
        EXPECT_TRUE(send(port) < 0);
        EXPECT_TRUE(close_port(port) < 0);
        if (port) EXPECT_TRUE(unmask(port) < 0);
        if (port) EXPECT_TRUE(port_status(port, status) < 0 || status.status == 0);
        EXPECT_TRUE(bind_interdomain(kDomidSelf, port) < 0);
        EventChannelBindVcpu move{port, 0};
        EXPECT_TRUE(event_op(EventChannelCommand::BindVcpu, &move) < 0);
        EventChannelSetPriority priority{port, 3};
        EXPECT_TRUE(event_op(EventChannelCommand::SetPriority, &priority) < 0);
    }
    EXPECT_TRUE(alloc_unbound(1234, 0) < 0);
    EXPECT_TRUE(bind_interdomain(1234, 1) < 0);
    EventChannelReset reset{1234};
    EXPECT_TRUE(event_op(EventChannelCommand::Reset, &reset) < 0);
}

void check_exhaustion() {
    static u32 ports[kTwoLevelPorts];
    u32 count = 0;
    while (count < kTwoLevelPorts) {
        const long port = bind_ipi(0);
        if (port < 0) break;
        ports[count++] = static_cast<u32>(port);
    }
    EXPECT_TRUE(count > 900 && count < kTwoLevelPorts);
    EXPECT_EQ(bind_ipi(0), -kENOSPC);
    enable_events();
    const u64 before = upcall_count(ports[count - 1]);
    EXPECT_EQ(send(ports[count - 1]), 0);
    EXPECT_EQ(upcall_count(ports[count - 1]), before + 1);
    disable_events();
    for (u32 i = 0; i < count; ++i) EXPECT_EQ(close_port(ports[i]), 0);
}

// Command and structure in one.
template <class Op>
struct [[gnu::packed]] CompatOp {
    EventChannelCommand command;
    Op op;
};

template <class Op>
long compat(CompatOp<Op>& op) {
    return hypercall(HypercallId::EventChannelOpCompat, &op);
}

void check_compat() {
    static_assert(offsetof(CompatOp<EventChannelBindIpi>, op) == kEventChannelCompatArgument);
    CompatOp<EventChannelBindIpi> bind{EventChannelCommand::BindIpi, {0, 0}};
    REQUIRE_EQ(compat(bind), 0);
    const u32 port = bind.op.port;
    enable_events();
    const u64 before = upcall_count(port);
    CompatOp<EventChannelSend> send_op{EventChannelCommand::Send, {port}};
    EXPECT_EQ(compat(send_op), 0);
    EXPECT_EQ(upcall_count(port), before + 1);
    disable_events();
    CompatOp<EventChannelClose> close_op{EventChannelCommand::Close, {port}};
    EXPECT_EQ(compat(close_op), 0);
    EXPECT_TRUE(send(port) < 0);
    CompatOp<EventChannelReset> later{EventChannelCommand::Reset, {kDomidSelf}};  // never had this form
    EXPECT_EQ(compat(later), -kENOSYS);
    EXPECT_EQ(hypercall(HypercallId::EventChannelOpCompat, 0x1000), -kEFAULT);
}

void set_flag(void* flag) {
    *static_cast<volatile bool*>(flag) = true;
}

void check_second_vcpu() {
    if (vcpu_count() < 2) return;
    static volatile bool started;
    static u32 ipi;
    static u64 before;
    ipi = port_of(bind_ipi(1));
    before = upcall_count(ipi);
    const auto body = [](void*) {
        set_flag(const_cast<bool*>(&started));
        wait_for_upcall(ipi, before);
    };
    REQUIRE_EQ(start_vcpu(1, body, nullptr), 0);
    while (!started) yield();
    EXPECT_EQ(send(ipi), 0);
    wait_until_down(1);
    EXPECT_EQ(upcall_count(ipi), before + 1);
    EXPECT_EQ(last_upcall_vcpu(ipi), 1);
    EXPECT_EQ(close_port(ipi), 0);
}

}  // namespace

void guest::test_main() {
    check_interdomain();
    check_ipi_and_virq();
    check_numbers();
    check_exhaustion();
    check_compat();
    check_second_vcpu();
    EventChannelReset reset{kDomidSelf};
    const u32 port = port_of(bind_ipi(0));
    EXPECT_EQ(event_op(EventChannelCommand::Reset, &reset), 0);
    EXPECT_TRUE(send(port) < 0);
}
