// Dom0's Linux: loop and network block devices, and xen-blkback.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <vector>

#include "devices/block/block_host.hpp"
#include "devices/block/disk_division.hpp"
#include "devices/block/image_servers.hpp"
#include "devices/block/io_groups.hpp"

namespace hvctld {

class KernelBlockHost final : public BlockHost {
  public:
    Result<Backing> attach(Image image, const config::DiskDefinition& disk) override;
    Result<void> grow(const config::DiskDefinition& disk, dev_t device, std::uint64_t bytes) override;
    Result<FileSystemRoom> room_for(const std::vector<ImageFile>& images) override { return look_at_room(images); }
    Result<std::pair<ImageId, Backing>> find_again(const config::DiskDefinition& disk, dev_t device) override;
    [[nodiscard]] std::optional<dev_t> serves(DomainId domain, std::uint32_t number) override;
    [[nodiscard]] std::optional<DiskCounters> counters(DomainId domain, std::uint32_t number) override;
    [[nodiscard]] bool has_let_go(DomainId domain, std::uint32_t number, dev_t device) override;
    [[nodiscard]] Result<void> check_limits() override { return groups_.check(); }
    Result<bool> keep_limits(const std::vector<LimitedGuest>& guests) override;
    void limit_newcomers() override { groups_.gather(); }

  private:
    struct Division {
        DiskDivision shares;
        std::chrono::steady_clock::time_point looked;
    };
    Result<void> keep_limits(const LimitedGuest& guest);
    Result<Backing> device_for(Image& image, const config::DiskDefinition& disk);

    ImageServers servers_;
    IoGroups groups_;
    std::map<std::string, Division> divisions_;  // by UUID, also of guests that are between two runs
};

}  // namespace hvctld
