// What Dom0's kernel does for disks: the part of it that tests replace.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "devices/block/image.hpp"
#include "devices/block/image_room.hpp"
#include "hypervisor/hypervisor.hpp"

namespace hvctld {

// What blkback is given: a block device, and what keeps it there until blkback has opened it.
struct Backing {
    UniqueFd file;
    dev_t device = 0;
    bool lasts = false;  // `file` keeps Dom0 itself off the device, for as long as the guest has it
};

// What a guest has had of a disk, since the disk was attached.
struct DiskCounters {
    std::uint64_t reads = 0;  // requests
    std::uint64_t writes = 0;
    std::uint64_t read_bytes = 0;
    std::uint64_t written_bytes = 0;
};

// A guest whose disks have limits together.
struct LimitedGuest {
    DomainId domain;
    std::string uuid;  // over its runs
    config::DiskLimits limits;
    std::map<std::uint32_t, dev_t> disks;  // that are served, by number
};

class BlockHost {
  public:
    virtual ~BlockHost() = default;

    // An image as a block device. May wait for its disk: for a thread that may. From any thread.
    virtual Result<Backing> attach(Image image, const config::DiskDefinition& disk) = 0;
    // Grows the image behind a disk that is served by `device` to `bytes`. May wait as attach() does.
    virtual Result<void> grow(const config::DiskDefinition& disk, dev_t device, std::uint64_t bytes) = 0;
    // What look_at_room() says. May wait as attach() does. From any thread.
    virtual Result<FileSystemRoom> room_for(const std::vector<ImageFile>& images) = 0;
    // Of a guest that runs, with a disk that is served by `device`: what it is, and what attach() had given for it. May
    // wait as attach() does.
    virtual Result<std::pair<ImageId, Backing>> find_again(const config::DiskDefinition& disk, dev_t device) = 0;
    // The device that blkback has opened for disk `number` of the domain.
    [[nodiscard]] virtual std::optional<dev_t> serves(DomainId domain, std::uint32_t number) = 0;
    // Whether blkback, which was given `device` for it, has closed that again: after its last request.
    [[nodiscard]] virtual bool has_let_go(DomainId domain, std::uint32_t number, dev_t device) = 0;
    // Nothing when blkback does not serve it.
    [[nodiscard]] virtual std::optional<DiskCounters> counters(DomainId domain, std::uint32_t number) = 0;
    // NotSupported where disks cannot have limits.
    [[nodiscard]] virtual Result<void> check_limits() = 0;
    // Has the limits kept until it is called again, which is to be soon: they are divided anew each time. Guests that
    // are not named have none, or have none any more. From one thread at a time. Whether it is to be
    // called again, with no guests, too.
    virtual Result<bool> keep_limits(const std::vector<LimitedGuest>& guests) = 0;
    // A guest's driver has taken a disk up, perhaps anew: its limits hold for that, too. From the same thread.
    virtual void limit_newcomers() = 0;
};

}  // namespace hvctld
