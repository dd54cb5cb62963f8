// A guest's cloud-init seed: a CD-ROM that is made anew for each start, and is one of the guest's disks.
#pragma once

#include <string>

#include "devices/device.hpp"
#include "domain/context.hpp"
#include "domain/domain.hpp"

namespace hvctld {

// Comes after the network interfaces, which it describes, and before the disks, of which it makes one more.
class Seed final : public Device {
  public:
    Seed(Context& context, Domain& domain) : context_{context}, domain_{domain} {}

    Step prepare(bool anew) override;
    Phase publish() override;
    void unplug() override {}
    void freed() override;
    Result<void> recover() override { return {}; }

  private:
    [[nodiscard]] std::string path() const;
    Result<void> add_disk();

    Context& context_;
    Domain& domain_;
};

}  // namespace hvctld
