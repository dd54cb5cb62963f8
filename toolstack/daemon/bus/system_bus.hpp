// The name org.hvctl1 on the system bus, as long as there is one.
#pragma once

#include <memory>

#include "bus/connection.hpp"
#include "bus/manager_object.hpp"

namespace hvctld::bus {

class SystemBus {
  public:
    // Connects now, and again whenever the broker has gone: the private socket never depends on it.
    SystemBus(Loop& loop, ManagerObject& object, Authority::Rules rules = {});
    ~SystemBus();
    SystemBus(const SystemBus&) = delete;
    SystemBus& operator=(const SystemBus&) = delete;

  private:
    void connect();
    Result<void> serve();
    void lost();

    Loop& loop_;
    ManagerObject& object_;
    Authority::Rules rules_;
    std::unique_ptr<Connection> connection_;
    Timer retry_;
    bool told_ = false;  // of a bus that is missing: once is enough
};

}  // namespace hvctld::bus
