// A guest's console as a device of it. The console itself (console/console.hpp) outlives the guest's runs: its log can
// be read, and clients may be attached, while no guest is there.
#pragma once

#include "devices/device.hpp"
#include "domain/context.hpp"
#include "domain/domain.hpp"

namespace hvctld {

// The domain's console, made at the first call.
Result<Console*> console_of(Context& context, Domain& domain);

class GuestConsole final : public Device {
  public:
    GuestConsole(Context& context, Domain& domain) : context_{context}, domain_{domain} {}

    Step prepare(bool anew) override;
    Phase publish() override;
    void started() override;
    void abandoned() override;
    void unplug() override;
    Result<void> recover() override;

  private:
    Context& context_;
    Domain& domain_;
};

}  // namespace hvctld
