// Promised: event channels between domains: bound only by the one they are for, closed on both sides by either end.
// Exercised: Dom0 opens a port for a domain, which binds it; events both ways, a hundred of them; ports that are for
// others; closing by one side, the domain's death; Dom0's notice of it. A pass means: no event was lost, no domain
// bound what was not offered, and death left an unbound port.
#include "tests/guest/lib/domu.hpp"
#include "tests/guest/lib/events.hpp"
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/vcpu.hpp"

using namespace guest;
namespace control = hv::abi::control;

namespace {

constexpr u64 kRounds = 100;
u32 dom0_port, private_port;  // written by Dom0 before the start
volatile u32 finished;        // written by Dom0 before its last event

}  // namespace

void guest::domu_main(u64) {
    EXPECT_TRUE(bind_interdomain(0, private_port) < 0);  // Dom0's own
    EXPECT_TRUE(bind_interdomain(0, dom0_port + 500) < 0);
    const long bound = bind_interdomain(0, dom0_port);
    REQUIRE_TRUE(bound > 0);
    const u32 port = static_cast<u32>(bound);
    EXPECT_TRUE(bind_interdomain(0, dom0_port) < 0);
    u64 seen = upcall_count(port);
    EXPECT_EQ(send(port), 0);  // here we are
    // Not a fixed number: binding made the port pending once, which may be seen by itself
    // or together with Dom0's first event.
    // Whether an event was the last is known before it is answered: after that, Dom0 may have gone on already.
    for (bool last = false; !last;) {
        wait_for_upcall(port, seen);
        seen = upcall_count(port);
        last = finished != 0;
        EXPECT_EQ(send(port), 0);
    }
    disable_events();
}

void guest::test_main() {
    if (!on_hv()) skip("needs the control hypercall");
    const u32 death = static_cast<u32>(bind_virq(Virq::DomainException));
    const DomU domain = build_domu();
    const u32 port = static_cast<u32>(alloc_unbound(kDomidSelf, domain.id));
    const u32 own = static_cast<u32>(alloc_unbound(kDomidSelf, 0));
    write_domu(domain, dom0_port, port);
    write_domu(domain, private_port, own);
    const u64 deaths = upcall_count(death);
    u64 seen = upcall_count(port);
    enable_events();
    unpause_domu(domain);
    wait_for_upcall(port, seen);
    // The domain may answer its own binding, too: only growth is counted.
    for (u64 i = 0; i < kRounds; ++i) {
        seen = upcall_count(port);
        if (i + 1 == kRounds) write_domu(domain, const_cast<u32&>(finished), 1u);
        EXPECT_EQ(send(port), 0);
        const u64 deadline = system_time() + 20'000'000'000;
        while (upcall_count(port) == seen && system_time() < deadline) yield();
        if (upcall_count(port) == seen) {
            note_failure(Text{}.add("event ", i, " was not answered"));
            break;
        }
        if (domu_info(domain).flags & control::kDomainShutdown) break;
    }
    expect_end(domain, control::ShutdownReason::Poweroff);
    wait_for_upcall(death, deaths);
    disable_events();
    EXPECT_EQ(destroy_domu(domain), 0);
    EventChannelStatus status;
    EXPECT_EQ(port_status(port, status), 0);
    EXPECT_EQ(status.status, EventChannelState::Unbound);
    EXPECT_TRUE(send(port) <= 0);
    EXPECT_EQ(close_port(port), 0);
    EXPECT_EQ(close_port(own), 0);
}
