// How much memory a guest should have: memory/target in its store, which its balloon driver follows, and hv's limit,
// which keeps it from taking more whatever its driver does. A change of the target (by mem-set, or a tool of the
// host's) changes the limit, too, up to the domain's max_memory.
#pragma once

#include "devices/device.hpp"
#include "domain/context.hpp"
#include "domain/domain.hpp"

namespace hvctld {

class MemoryTarget final : public Device {
  public:
    MemoryTarget(Context& context, Domain& domain) : context_{context}, domain_{domain} {}
    ~MemoryTarget() override { unplug(); }

    Step prepare(bool anew) override;
    Phase publish() override;
    void unplug() override;
    Result<void> recover() override;

  private:
    void watch();
    void target_changed();

    Context& context_;
    Domain& domain_;
    store::WatchHandle watch_ = 0;
};

}  // namespace hvctld
