// A domain's ring to the store. StoreRing is a guest's, with the guest's own part of the store, as a device;
// serve_store_ring() is what it shares with the ring of Dom0's kernel (domain/host_store.hpp).
#pragma once

#include "devices/device.hpp"
#include "domain/context.hpp"
#include "domain/domain.hpp"

namespace hvctld {

// The domain's end of a ring: its page, mapped here; the frame that it is; and the domain's event port.
struct StoreRingEnd {
    DomainId domain;
    SharedPage page;
    std::uint64_t frame = 0;
    EventPort port;
};
// Binds the port and gives the ring to the store, which serves it as long as the returned port is kept. `introduced`:
// the store may know the domain from its journal, and goes on where it was. Errors begin with `what`.
Result<BoundPort> serve_store_ring(Context& context, const std::string& what, StoreRingEnd end, bool introduced);

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
