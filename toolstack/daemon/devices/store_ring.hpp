// A guest's connection to the store, and its own part of that.
#pragma once

#include "devices/device.hpp"
#include "domain/context.hpp"
#include "domain/domain.hpp"

namespace hvctld {

class StoreRing final : public Device {
  public:
    StoreRing(Context& context, Domain& domain) : context_{context}, domain_{domain} {}

    Step prepare(bool anew) override;
    Phase publish() override;
    void unplug() override;
    Result<void> recover() override;

  private:
    // `introduced`: the store knows the domain from its journal.
    Result<void> connect(bool introduced);

    Context& context_;
    Domain& domain_;
    BoundPort port_;
};

}  // namespace hvctld
