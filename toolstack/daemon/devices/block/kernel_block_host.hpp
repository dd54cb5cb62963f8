// Dom0's Linux: loop and network block devices, and xen-blkback.
#pragma once

#include "devices/block/block_host.hpp"
#include "devices/block/image_servers.hpp"

namespace hvctld {

class KernelBlockHost final : public BlockHost {
  public:
    Result<Backing> attach(Image image, const config::DiskDefinition& disk) override;
    Result<void> grow(const config::DiskDefinition& disk, dev_t device, std::uint64_t bytes) override;
    Result<std::pair<ImageId, Backing>> find_again(const config::DiskDefinition& disk, dev_t device) override;
    [[nodiscard]] std::optional<dev_t> serves(DomainId domain, std::uint32_t number) override;
    [[nodiscard]] std::optional<DiskCounters> counters(DomainId domain, std::uint32_t number) override;
    [[nodiscard]] bool has_let_go(DomainId domain, std::uint32_t number, dev_t device) override;

  private:
    ImageServers servers_;
};

}  // namespace hvctld
