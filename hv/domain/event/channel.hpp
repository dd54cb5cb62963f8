// Event channels: one domain's ports, what each is connected to, and how an event reaches a vCPU.
//
// Locks. `table_lock_` (LockRank::EventTable) guards which ports are in use and the FIFO set-up; every port has a lock
// of its own (LockRank::EventPort) for its binding. Both ends of a connection change only under both ports' locks,
// taken in address order; so a sender needs its own port's lock alone, and delivery takes no lock of a domain or of the
// machine. The port structures stay where they are until the domain is freed.
//
// Ordering: a port is made pending with atomic operations on the guest's words before the vCPU is unblocked (acq_rel);
// a vCPU that is about to block sets its flag first and looks for pending events then (SCHEDOP_block, SCHEDOP_poll).
#pragma once

#include <atomic>
#include <cstdint>

#include "hv/abi/xen/event_channel.hpp"
#include "hv/base/bitmap.hpp"
#include "hv/base/result.hpp"
#include "hv/base/spinlock.hpp"
#include "hv/base/types.hpp"
#include "hv/domain/limits.hpp"

namespace hv {

class Domain;
struct FrameInfo;
class FrameAudit;
class Vcpu;
struct FifoEvents;  // domain/event/fifo.hpp

enum class EventState : std::uint8_t { Free, Reserved, Unbound, Interdomain, Pirq, Virq, Ipi };

struct alignas(64) EventChannel {
    Spinlock lock{LockRank::EventPort};
    std::atomic<EventState> state{EventState::Free};  // changes under the lock; allocation looks without it
    std::atomic<bool> pending{false};                 // FIFO: became pending before its event word existed
    std::atomic<std::uint8_t> priority{abi::xen::kFifoPriorityDefault};
    std::atomic<VcpuId> notify_vcpu{};
    std::atomic<std::uint32_t> last_queue{0};  // FIFO: vCPU << 8 | priority of the queue it was last linked on
    EventPort port;                            // its own number
    std::uint32_t number = 0;                  // remote port, VIRQ or pirq
    DomainId remote_domain;                    // Unbound: the domain that may bind; Interdomain: the peer
    Domain* remote = nullptr;                  // Interdomain; alive as long as the connection is
    EventPort remote_port() const { return EventPort{number}; }
};
static_assert(sizeof(EventChannel) == 64);

class EventChannels final {
  public:
    static constexpr std::uint32_t kPortsPerBucket = 64;  // one page
    static constexpr std::uint32_t kBucketsPerGroup = 64;
    static constexpr std::uint32_t kGroups = abi::xen::kFifoPorts / (kPortsPerBucket * kBucketsPerGroup);
    static constexpr std::uint32_t kDefaultMaxPorts = 1024;
    static constexpr std::uint32_t kMaxPirqs = 1024;

    EventChannels() = default;
    ~EventChannels();  // after destroy()
    EventChannels(const EventChannels&) = delete;
    EventChannels& operator=(const EventChannels&) = delete;

    // Before the domain is published. `max_ports` 0 means the default for a guest, the most there are for Dom0.
    Result<> init(Domain& domain, std::uint32_t max_ports);
    // Teardown, when the domain is dying and its vCPUs are stopped: closes every port; the peers' ones become unbound
    // again. Restart: call again.
    Result<> destroy();

    // The hypercalls' core, on this domain's ports. Errors as Xen's: BadArgument for a port that is out of range or in
    // the wrong state, NoSpace when no port is left, NoEntry for a vCPU that does not exist. Restart: ask again.
    Result<EventPort> allocate_unbound(DomainId remote);
    Result<EventPort> bind_interdomain(Domain& remote, EventPort remote_port);
    Result<EventPort> bind_virq(std::uint32_t virq,
                                VcpuId vcpu);  // Exists; NotPermitted: for the privileged domain only
    Result<EventPort> bind_ipi(VcpuId vcpu);
    Result<EventPort> bind_pirq(std::uint32_t pirq, bool share);  // Exists, or what pirq_guest_bind() says
    Result<> close(EventPort port);
    Result<> send(EventPort port);
    Result<> bind_vcpu(EventPort port, VcpuId vcpu);
    Result<> unmask(EventPort port);
    Result<> set_priority(EventPort port, std::uint32_t priority);  // NotImplemented while two-level
    Result<> status(EventPort port, abi::xen::EventChannelStatus& status);
    Result<> reset();  // closes all and goes back to two-level ports. Restart: call again
    Result<> init_control(Gfn control, std::uint32_t offset, VcpuId vcpu);
    Result<> expand_array(Gfn array);

    // hv's own events. Each does nothing when no such port is bound.
    void notify_virq(Vcpu& table, std::uint32_t virq);  // `table`: the vCPU whose virq_port[] has it
    void notify_pirq(std::uint32_t pirq);
    EventPort pirq_port(std::uint32_t pirq) const;  // kNoPort: not bound

    // BadArgument when the port is out of range; a free port is never pending.
    Result<bool> is_pending(EventPort port);
    // SCHEDOP_poll: `vcpu` (with its poll_port set) is unblocked when its port, or any, becomes pending.
    void start_polling(Vcpu& vcpu);
    bool stop_polling(Vcpu& vcpu);  // false: it has ended already

    std::uint32_t ports_in_use() const { return in_use_.load(std::memory_order_relaxed); }
    bool uses_fifo() const { return fifo_.load(std::memory_order_acquire) != nullptr; }
    void dump();
    void audit(FrameAudit& audit) const;  // the frames that the guest gave for FIFO ports

  private:
    struct Bucket {
        EventChannel ports[kPortsPerBucket];
    };
    struct Group {
        std::atomic<Bucket*> buckets[kBucketsPerGroup];
    };

    // table.cpp
    EventChannel* find(EventPort port) const;  // null when out of range or never used
    Result<EventChannel*> usable(EventPort port) const;
    Result<EventChannel*> allocate();  // table_lock_ held; the port is Reserved, so no other CPU touches it
    Result<EventChannel*> ensure(EventPort port);
    void release(EventChannel& channel);  // both locks held, binding undone
    std::uint32_t port_limit() const;

    // close.cpp
    Result<> close_all(std::atomic<EventPort>& progress);
    void unbind_virq(EventChannel& channel);
    void unbind_pirq(EventChannel& channel);

    // bind.cpp; table_lock_ held
    Result<std::atomic<EventPort>*> pirq_table();
    void publish(EventChannel& channel, EventState state, std::uint32_t number, VcpuId vcpu);

    // deliver.cpp, two_level.cpp; the port is in use, and a lock of either end is held
    void set_pending(EventChannel& channel);
    void clear_pending(EventChannel& channel);
    bool pending_now(EventChannel& channel) const;
    void unmask_now(EventChannel& channel);
    void wake_pollers(EventPort port);  // poll.cpp
    Vcpu& target(const EventChannel& channel) const;

    // two_level.cpp
    bool two_level_set_pending(Vcpu& vcpu, EventPort port);  // false: it was pending before
    void two_level_unmask(Vcpu& vcpu, EventPort port);

    // fifo.cpp, fifo_setup.cpp
    bool fifo_set_pending(FifoEvents& fifo, Vcpu& vcpu, EventChannel& channel);
    Result<> fifo_start();
    Result<std::uint32_t> add_words(FrameInfo& frame);
    void fifo_stop();

    Domain* domain_ = nullptr;
    Spinlock table_lock_{LockRank::EventTable};
    std::uint32_t max_ports_ = 0;                      // port numbers are below this
    EventPort next_free_{1};                           // nothing below it is free
    std::atomic<EventPort> next_reset_{EventPort{1}};  // progress of reset(), which its caller may never go on with
    std::atomic<EventPort> next_close_{EventPort{1}};  // progress of destroy()
    bool closing_ = false;                             // dying: no new ports
    std::atomic<std::uint32_t> in_use_{0};
    std::atomic<Group*> groups_[kGroups]{};
    std::atomic<FifoEvents*> fifo_{nullptr};
    std::atomic<std::atomic<EventPort>*> pirq_ports_{nullptr};
    AtomicVcpuSet pollers_;
};

// VIRQs that belong to a vCPU; each takes effect when the guest has bound it there.
void notify_vcpu_virq(Vcpu& vcpu, std::uint32_t virq);
// VIRQs that a domain has once.
void notify_global_virq(Domain& domain, std::uint32_t virq);
// A physical interrupt for the domain.
void send_pirq_event(Domain& domain, std::uint32_t pirq);

// Marks the vCPU's events as pending and makes it look at them.
void vcpu_mark_events_pending(Vcpu& vcpu);
// Whether the vCPU would be interrupted for an event if it ran now.
bool vcpu_events_deliverable(const Vcpu& vcpu);

// Debug key.
void dump_event_channels(Domain& domain);

}  // namespace hv
