// Volumes as sparse raw files in one folder. What has no name yet, or no longer, is called ".new-..." or ".gone-...",
// which no volume can be.
#pragma once

#include <mutex>

#include "storage/volume_pool.hpp"

namespace hvctld {

class DirectoryPool final : public VolumePool {
  public:
    using VolumePool::VolumePool;

    [[nodiscard]] const char* kind() const override { return "directory"; }
    Result<void> sweep(Pace& pace) override;
    Result<PoolSpace> space() override;
    Result<std::vector<VolumeInfo>> list() override;
    Result<std::unique_ptr<NewVolume>> create(const std::string& volume, std::uint64_t bytes) override;
    Result<void> grow(const std::string& volume, std::uint64_t bytes, Pace& pace) override;
    // Its loop device would not be: that is for Disks to do.
    [[nodiscard]] bool grows_under_guests() const override { return false; }
    Result<std::string> remove(const std::string& volume, Pace& pace) override;

  private:
    Result<UniqueFd> open_folder();
    Result<UniqueFd> open_volume(int folder, const std::string& volume);
    Result<void> erase(int folder, const std::string& file, int fd, Pace& pace);
    // What is there of processes before this one, before this one makes any such thing.
    void take_stock(int folder);
    // AccessDenied when others than root say what is in the folder, or where it is.
    [[nodiscard]] Result<void> require_own(const std::string& path) const;
    Result<void> sweep_one(int folder, const std::string& file, Pace& pace);

    std::once_flag stock_taken_;
    std::vector<std::string> left_over_;
};

}  // namespace hvctld
