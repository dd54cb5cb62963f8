// An sd-bus connection on the loop.
#pragma once

#include <functional>
#include <memory>

#include "base/loop.hpp"
#include "bus/message.hpp"

namespace hvctld::bus {

class Connection {
  public:
    // Takes a started connection. `closed` runs once, from the loop, when the other side has gone.
    Connection(Loop& loop, Bus bus, std::function<void()> closed);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    [[nodiscard]] sd_bus* get() const { return bus_.get(); }
    // To be called after messages were queued from outside the connection's own handlers.
    void update();

  private:
    void process();
    void lost();

    Loop& loop_;
    Bus bus_;
    std::function<void()> closed_;
    FdWatch watch_;
    Timer timer_;
    std::shared_ptr<Connection*> alive_;
    bool lost_ = false;
};

}  // namespace hvctld::bus
