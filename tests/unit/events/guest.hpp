// The guest's side of event channels: calls as a kernel makes them, and a look at its words.
#pragma once

#include <gtest/gtest.h>

#include "hv/abi/xen/errno.hpp"
#include "hv/abi/xen/event_channel.hpp"
#include "hv/domain/event/channel.hpp"
#include "hv/hypercall/handlers.hpp"
#include "tests/unit/fakes/machine.hpp"

namespace guest {

using namespace hv::abi::xen;

using Port = std::uint32_t;  // as the calls have it

// Makes hypercalls as `vcpu`, wherever the scheduler has it.
class As {
  public:
    explicit As(hv::Vcpu& vcpu) : before_{fake::running_on(hv::current_cpu())} { fake::set_current(vcpu); }
    explicit As(hv::Domain& domain) : As{*domain.vcpu(hv::VcpuId{0})} {}
    ~As() { fake::set_current(before_); }
    As(const As&) = delete;
    As& operator=(const As&) = delete;

  private:
    hv::Vcpu& before_;
};

template <class Op>
std::int64_t event_op(hv::Domain& domain, EventChannelCommand command, Op& op) {
    const As as{domain};
    return fake::hypercall(hv::do_event_channel_op, static_cast<std::uint64_t>(command), fake::address(op));
}

inline Port alloc_unbound(hv::Domain& domain, hv::Domain& remote) {
    EventChannelAllocUnbound op{.domid = kDomidSelf, .remote_domid = remote.id.raw, .port = 0};
    EXPECT_EQ(event_op(domain, EventChannelCommand::AllocUnbound, op), 0);
    return op.port;
}

inline std::int64_t bind_interdomain(hv::Domain& domain, hv::Domain& remote, Port port, Port& local) {
    EventChannelBindInterdomain op{.remote_domid = remote.id.raw, .pad = 0, .remote_port = port, .local_port = 0};
    const std::int64_t result = event_op(domain, EventChannelCommand::BindInterdomain, op);
    local = op.local_port;
    return result;
}

inline std::int64_t send(hv::Domain& domain, Port port) {
    EventChannelSend op{.port = port};
    return event_op(domain, EventChannelCommand::Send, op);
}

inline std::int64_t close(hv::Domain& domain, Port port) {
    EventChannelClose op{.port = port};
    return event_op(domain, EventChannelCommand::Close, op);
}

inline EventChannelStatus status(hv::Domain& domain, Port port) {
    EventChannelStatus op{};
    op.domid = kDomidSelf;
    op.port = port;
    EXPECT_EQ(event_op(domain, EventChannelCommand::Status, op), 0);
    return op;
}

inline EventChannelState state(hv::Domain& domain, Port port) {
    return static_cast<EventChannelState>(status(domain, port).status);
}

// Two-level: takes the pending bit, as the guest's upcall does.
inline bool take(hv::Domain& domain, Port port) {
    std::uint64_t& word = domain.shared_info->evtchn_pending[port / 64];
    const std::uint64_t bit = std::uint64_t{1} << port % 64;
    const bool pending = word & bit;
    word &= ~bit;
    for (hv::VcpuId id : hv::ids<hv::VcpuId>(domain.max_vcpus)) {
        domain.vcpu(id)->info.load()->evtchn_pending_sel = 0;
        domain.vcpu(id)->info.load()->evtchn_upcall_pending = 0;
    }
    return pending;
}

class Events : public testing::Test {
  protected:
    void SetUp() override {
        fake::boot();
        fake::on_cpu(hv::CpuId{0});
        front = &fake::make_domain(2);
        back = &fake::make_domain(1);
        fake::settle();
    }
    void TearDown() override {
        fake::preempt_every(0);
        fake::destroy_all();
    }
    // A connection: front's port and back's.
    std::pair<Port, Port> connect() {
        const Port a = alloc_unbound(*front, *back);
        Port b = 0;
        EXPECT_EQ(bind_interdomain(*back, *front, a, b), 0);
        take(*back, b);
        return {a, b};
    }
    hv::Domain* front = nullptr;
    hv::Domain* back = nullptr;
};

}  // namespace guest
