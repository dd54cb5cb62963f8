// Dom0's Linux: loop devices and xen-blkback.
#pragma once

#include "devices/block/block_host.hpp"

namespace hvctld {

class KernelBlockHost final : public BlockHost {
  public:
    Result<Backing> attach(Image image, const config::DiskDefinition& disk) override;
    [[nodiscard]] bool serves(DomainId domain, std::uint32_t number) override;
};

}  // namespace hvctld
