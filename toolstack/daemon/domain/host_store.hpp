// Dom0's own part of the store, and the ring over which Dom0's kernel uses it.
#pragma once

#include "domain/context.hpp"

namespace hvctld {

class HostStore {
  public:
    explicit HostStore(Context& context) : context_{context} {}

    // Writes the entries that all guests and programs find there, and serves the kernel's ring. To be called once.
    Result<void> connect();

  private:
    Context& context_;
    BoundPort port_;
};

}  // namespace hvctld
