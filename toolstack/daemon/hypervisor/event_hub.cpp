#include "hypervisor/event_hub.hpp"

#include <cerrno>

#include "base/log.hpp"
#include "hvctl/try.hpp"

namespace hvctld {

BoundPort::~BoundPort() {
    if (hub_ == nullptr) return;
    hub_->ports_.erase(port_);
    if (const auto result = hub_->hypervisor_.unbind(port_); !result)
        log::warning("cannot give up event port {}: {}", port_.raw, result.error().what());
}

void BoundPort::notify() const {
    // The other side may have closed its port at any time; its rings are then gone as well.
    if (hub_ != nullptr) (void)hub_->hypervisor_.notify(port_);
}

EventHub::EventHub(Loop& loop, Hypervisor& hypervisor)
    : loop_{loop},
      hypervisor_{hypervisor},
      alive_{std::make_shared<EventHub*>(this)},
      watch_{FdWatch::duplicate(loop, hypervisor.event_fd())} {
    if (watch_) watch_->start(UV_READABLE, [this](int) { drain(); });
}

hvctl::Result<void> EventHub::listening() const {
    if (watch_) return {};
    return hvctl::fail(hvctl::ErrorCode::Io, watch_.error().message());
}

hvctl::Result<BoundPort> EventHub::bind(DomainId remote, EventPort remote_port, std::function<void()> fired) {
    TRY(listening());
    const EventPort port = TRY(hypervisor_.bind_interdomain(remote, remote_port));
    return add(port, std::move(fired));
}

hvctl::Result<BoundPort> EventHub::bind_domain_exception(std::function<void()> fired) {
    TRY(listening());
    const EventPort port = TRY(hypervisor_.bind_domain_exception());
    return add(port, std::move(fired));
}

BoundPort EventHub::add(EventPort port, std::function<void()> fired) {
    ports_[port] = std::move(fired);
    loop_.post([weak = std::weak_ptr{alive_}, port] {
        if (const auto hub = weak.lock()) (*hub)->run(port);
    });
    return BoundPort{*this, port};
}

void EventHub::run(EventPort port) {
    const auto found = ports_.find(port);
    if (found == ports_.end()) return;
    const auto fired = found->second;  // a copy: it may unbind itself
    fired();
}

void EventHub::drain() {
    constexpr int kPortsPerRound = 64;  // the rest wait for the next round of the loop
    for (int i = 0; i < kPortsPerRound; ++i) {
        const auto port = hypervisor_.next_event();
        if (!port) {
            if (port.error().error_number() != EFBIG) {
                log::error("cannot read events: {}", port.error().what());
                return;
            }
            // The kernel's buffer ran over: look at every ring.
            log::warning("events came faster than they were read; looking at every ring");
            (void)hypervisor_.reset_events();
            const auto ports = ports_;
            for (const auto& [each, fired] : ports) {
                (void)hypervisor_.unmask(each);
                run(each);
            }
            return;
        }
        if (!*port) return;
        // Unmasked first: what comes while the callback runs fires again.
        (void)hypervisor_.unmask(**port);
        run(**port);
    }
}

}  // namespace hvctld
