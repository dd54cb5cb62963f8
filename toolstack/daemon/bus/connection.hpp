// An sd-bus connection on the loop.
#pragma once

#include <functional>
#include <memory>

#include "base/loop.hpp"
#include "bus/message.hpp"

namespace hvctld::bus {

class Connection {
  public:
    // Takes a started connection. `closed` runs once, from the loop, when the other side has gone or does not take
    // what it is sent.
    static Result<std::unique_ptr<Connection>> create(Loop& loop, Bus bus, std::function<void()> closed);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    [[nodiscard]] sd_bus* get() const { return bus_.get(); }
    // To be called after messages were queued from outside the connection's own handlers.
    void update();
    // When something came from the other side last, on Loop::now_ms()'s clock; at first, when it connected.
    [[nodiscard]] std::uint64_t heard_ms() const { return heard_ms_; }

  private:
    Connection(Loop& loop, Bus bus, FdWatch watch, std::function<void()> closed);
    void ready(int events);
    void process(bool writable);
    [[nodiscard]] std::uint64_t queued() const;
    void watch_progress(bool waiting);
    void lost();

    Loop& loop_;
    Bus bus_;
    std::function<void()> closed_;
    FdWatch watch_;  // a duplicate: sd-bus closes its descriptor in the middle of sd_bus_process()
    Timer timer_;
    Timer stalled_;  // runs while messages wait and the other side takes none
    bool waiting_ = false;
    std::uint64_t heard_ms_;
    std::shared_ptr<Connection*> alive_;
    bool lost_ = false;
};

}  // namespace hvctld::bus
