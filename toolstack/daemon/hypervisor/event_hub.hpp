// Delivers hv's events on the loop: one descriptor, a callback per port.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "base/loop.hpp"
#include "hypervisor/hypervisor.hpp"

namespace hvctld {

class EventHub;

// A bound port; destroying it unbinds. The other side's port stays open, and can be bound again.
class BoundPort {
  public:
    BoundPort() = default;
    BoundPort(EventHub& hub, EventPort port) : hub_{&hub}, port_{port} {}
    BoundPort(BoundPort&& other) noexcept : hub_{std::exchange(other.hub_, nullptr)}, port_{other.port_} {}
    BoundPort& operator=(BoundPort&& other) noexcept {
        std::swap(hub_, other.hub_);
        std::swap(port_, other.port_);
        return *this;
    }
    ~BoundPort();

    [[nodiscard]] EventPort port() const { return port_; }
    void notify() const;

  private:
    EventHub* hub_ = nullptr;
    EventPort port_;
};

class EventHub {
  public:
    EventHub(Loop& loop, Hypervisor& hypervisor);

    // `fired` runs at each event, and once soon after binding: the event may have come before this port was bound.
    hvctl::Result<BoundPort> bind(DomainId remote, EventPort remote_port, std::function<void()> fired);
    hvctl::Result<BoundPort> bind_domain_exception(std::function<void()> fired);

    [[nodiscard]] Hypervisor& hypervisor() { return hypervisor_; }

  private:
    friend class BoundPort;
    hvctl::Result<void> listening() const;  // or why the hub hears nothing
    BoundPort add(EventPort port, std::function<void()> fired);
    void run(EventPort port);
    void drain();

    Loop& loop_;
    Hypervisor& hypervisor_;
    std::map<EventPort, std::function<void()>> ports_;
    std::shared_ptr<EventHub*> alive_;  // posted calls look whether the hub still lives
    Result<FdWatch> watch_;
};

}  // namespace hvctld
