// Volumes as logical volumes of LVM, in a thin pool or on their own ("thick"). hvctld's have the tag hvctl, and it
// touches no others. What has no name yet, or no longer, is called _new-, _gone- or _grow-..., which no volume can be.
#pragma once

#include <memory>
#include <mutex>

#include "storage/lvm_report.hpp"
#include "storage/volume_pool.hpp"

namespace hvctld {

inline constexpr const char* kLvm = "/usr/sbin/lvm";

class LvmPool final : public VolumePool {
  public:
    LvmPool(config::VolumePoolSettings settings, std::shared_ptr<StorageHost> host)
        : VolumePool{std::move(settings)}, host_{std::move(host)} {}

    [[nodiscard]] const char* kind() const override { return is_thin() ? "lvm-thin" : "lvm"; }
    Result<void> sweep(Pace& pace) override;
    Result<PoolSpace> space() override;
    Result<std::vector<VolumeInfo>> list() override;
    Result<std::unique_ptr<NewVolume>> create(const std::string& volume, std::uint64_t bytes) override;
    Result<void> grow(const std::string& volume, std::uint64_t bytes, Pace& pace) override;
    // What a thin pool gives is zeros. The new part of a thick volume is not, until that has been seen to.
    [[nodiscard]] bool grows_under_guests() const override { return is_thin(); }
    Result<std::string> remove(const std::string& volume, Pace& pace) override;

  private:
    class NewLogicalVolume;

    [[nodiscard]] bool is_thin() const { return !settings().thin.empty(); }
    // One of LVM's commands, with the group or the volume that it is about.
    Result<std::string> lvm(std::vector<std::string> words, const std::string& about);
    [[nodiscard]] std::string in_group(const std::string& volume) const { return settings().group + "/" + volume; }
    Result<void> rename(const std::string& before, const std::string& now);
    Result<std::vector<LogicalVolume>> report();
    Result<std::vector<LogicalVolume>> ours();
    Result<void> require_zeroing_pool();
    Result<UniqueFd> open_active(const std::string& volume);
    // What was done, "zeroed".
    Result<const char*> erase(int device, Pace& pace);
    Result<void> drop(const std::string& volume);
    // What is left to do of an enlargement that has begun, or has failed: zeros, and the old name.
    Result<void> finish_growing(const LogicalVolume& growing, Pace& pace);
    // What is there of processes before this one, before this one makes any such thing.
    Result<void> take_stock();
    Result<void> sweep_one(const LogicalVolume& left, Pace& pace);
    // ImageBusy.
    Result<void> require_no_snapshot(const std::string& volume);

    const std::shared_ptr<StorageHost> host_;
    std::mutex mutex_;
    bool stock_taken_ = false;  // under mutex_, and the next is
    std::vector<LogicalVolume> left_over_;
};

}  // namespace hvctld
