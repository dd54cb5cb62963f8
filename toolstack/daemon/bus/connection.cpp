#include "bus/connection.hpp"

#include <poll.h>

#include <ctime>

namespace hvctld::bus {
namespace {

std::uint64_t monotonic_us() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1000000 + static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

}  // namespace

Connection::Connection(Loop& loop, Bus bus, std::function<void()> closed)
    : loop_{loop},
      bus_{std::move(bus)},
      closed_{std::move(closed)},
      watch_{loop, sd_bus_get_fd(bus_.get())},
      timer_{loop},
      alive_{std::make_shared<Connection*>(this)} {
    watch_.start(UV_READABLE, [this](int) { process(); });
    update();
}

Connection::~Connection() = default;

void Connection::process() {
    constexpr int kMessagesPerRound = 32;  // one client must not keep the others waiting
    const std::weak_ptr<Connection*> weak = alive_;
    for (int i = 0; i < kMessagesPerRound; ++i) {
        const int more = sd_bus_process(bus_.get(), nullptr);
        if (weak.expired()) return;
        if (more < 0) return lost();
        if (more == 0) break;
    }
    update();
}

void Connection::update() {
    if (lost_) return;
    const int wanted = sd_bus_get_events(bus_.get());
    std::uint64_t deadline = UINT64_MAX;
    if (wanted < 0 || sd_bus_get_timeout(bus_.get(), &deadline) < 0) return lost();
    watch_.change(((wanted & POLLIN) != 0 ? UV_READABLE : 0) | ((wanted & POLLOUT) != 0 ? UV_WRITABLE : 0) |
                  UV_DISCONNECT);
    timer_.stop();
    if (deadline == UINT64_MAX) return;
    const std::uint64_t now = monotonic_us();
    timer_.start(deadline > now ? (deadline - now) / 1000 + 1 : 0, [this] { process(); });
}

void Connection::lost() {
    if (lost_) return;
    lost_ = true;
    watch_.stop();
    timer_.stop();
    loop_.post([weak = std::weak_ptr{alive_}] {
        const auto connection = weak.lock();
        if (!connection) return;
        const auto closed = (*connection)->closed_;  // a copy: it destroys the connection
        closed();
    });
}

}  // namespace hvctld::bus
