// A pool of volumes: disks that hvctld makes, enlarges and erases. All of it may wait for a disk: for threads that may.
// A volume has its name while it is whole, and only then: what is being made, enlarged or erased cannot be found by its
// name, and what a process has left of that is swept by the next one.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "config/volume_pools.hpp"
#include "storage/storage_host.hpp"

namespace hvctld {

struct VolumeInfo {
    std::string name;
    std::uint64_t bytes = 0;
    std::uint64_t allocated = 0;  // of its pool
};

// The room of a pool, or what it is short of.
struct PoolSpace {
    std::uint64_t bytes = 0;
    std::uint64_t free = 0;
};

// How far something is, and whether it is still wanted. Shared with threads that may be left behind.
struct Pace {
    std::stop_token cancel;
    std::atomic<std::uint64_t> done = 0;
    std::atomic<std::uint64_t> whole = 0;

    [[nodiscard]] Result<void> goes_on() const {
        if (!cancel.stop_requested()) return {};
        return fail(ErrorId::Cancelled, "called off");
    }
};

// One that is being made. What has not been published goes with it, which may wait for a disk, too.
class NewVolume {
  public:
    NewVolume() = default;
    virtual ~NewVolume() = default;
    NewVolume(const NewVolume&) = delete;
    NewVolume& operator=(const NewVolume&) = delete;

    [[nodiscard]] virtual int fd() const = 0;
    // Until this has ended it may have what others left there; afterwards it is zeros.
    virtual Result<void> clear(Pace& pace) = 0;
    // All that has been written is on the disk, and it has its name. VolumeExists.
    virtual Result<void> publish() = 0;
};

// What goes wrong with one volume says which; what is wrong with the whole pool says so.
class VolumePool {
  public:
    explicit VolumePool(config::VolumePoolSettings settings) : settings_{std::move(settings)} {}
    virtual ~VolumePool() = default;
    VolumePool(const VolumePool&) = delete;
    VolumePool& operator=(const VolumePool&) = delete;

    [[nodiscard]] const config::VolumePoolSettings& settings() const { return settings_; }
    [[nodiscard]] const std::string& name() const { return settings_.name; }
    // "directory", "lvm", "lvm-thin"
    [[nodiscard]] virtual const char* kind() const = 0;
    [[nodiscard]] std::string path_of(const std::string& volume) const { return settings_.path_of(volume); }

    // Erases what processes before this one have left half-made or half-erased.
    virtual Result<void> sweep(Pace& pace) = 0;
    virtual Result<PoolSpace> space() = 0;
    virtual Result<std::vector<VolumeInfo>> list() = 0;
    // NoSuchVolume.
    Result<VolumeInfo> find(const std::string& volume);
    // At least so many bytes. VolumeExists.
    virtual Result<std::unique_ptr<NewVolume>> create(const std::string& volume, std::uint64_t bytes) = 0;
    // Of one that no guest and no job has. The new part is zeros, whatever those blocks had before.
    virtual Result<void> grow(const std::string& volume, std::uint64_t bytes, Pace& pace) = 0;
    // Whether grow() may be used for one that a guest has.
    [[nodiscard]] virtual bool grows_under_guests() const = 0;
    // Of one that no guest and no job has: takes its name away first, then erases all of it, then gives its room back.
    // What was done to its content, for the audit: "discarded".
    virtual Result<std::string> remove(const std::string& volume, Pace& pace) = 0;

  protected:
    [[nodiscard]] std::string named(const std::string& volume) const { return "volume " + name() + "/" + volume; }
    [[nodiscard]] std::unexpected<Error> missing(const std::string& volume) const;
    [[nodiscard]] std::unexpected<Error> exists(const std::string& volume) const;
    // As large as it is, or larger, it stays.
    [[nodiscard]] Result<void> require_larger(const VolumeInfo& volume, std::uint64_t bytes) const;

  private:
    const config::VolumePoolSettings settings_;
};

std::shared_ptr<VolumePool> make_volume_pool(const config::VolumePoolSettings& settings,
                                             std::shared_ptr<StorageHost> host);

// For a name that is not in use yet: 16 random digits.
std::string fresh_suffix();

}  // namespace hvctld
