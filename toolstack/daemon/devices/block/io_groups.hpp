// Control groups of Dom0's kernel, one for each guest whose disks have limits: xen-blkback's threads of the guest are
// in it, and the kernel makes what they ask of a block device wait (cgroup v2, io.max).
//
// They are not systemd's, which puts no kernel thread anywhere, and lie beside what it has made. All of this may be
// called from any thread, from one at a time.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/errors.hpp"
#include "devices/block/disk_division.hpp"

namespace hvctld {

class IoGroups {
  public:
    explicit IoGroups(std::string groups = "/sys/fs/cgroup", std::string processes = "/proc")
        : root_{std::move(groups)}, processes_{std::move(processes)} {}

    // NotSupported where the kernel has no such groups.
    [[nodiscard]] Result<void> check() const;
    // What the guest may do from now on with the devices named.
    Result<void> set(std::uint16_t domid, std::span<const DiskShare> shares);
    // Has the guests' threads in their groups. New ones come whenever a guest's driver takes a disk up: after each boot
    // loader, for one.
    void gather();
    // What was let through of what they have asked of devices, since the group is there.
    [[nodiscard]] std::map<dev_t, DiskCounters> served(std::uint16_t domid) const;
    // Those that are not kept have no limits any more, and no group when their threads have ended:
    // whether there are such whose threads have not.
    bool keep(const std::function<bool(std::uint16_t domid)>& kept);

  private:
    using Shares = std::map<dev_t, DiskShare>;
    struct Thread {
        std::optional<std::uint16_t> domid;  // nothing: of no guest's disk
        bool gathered = false;
    };

    [[nodiscard]] std::string folder(std::uint16_t domid) const;
    Result<void> make(std::uint16_t domid);
    void take_limits_away(std::uint16_t domid) const;
    Result<void> write_share(std::uint16_t domid, const DiskShare& share) const;
    [[nodiscard]] std::vector<pid_t> threads_of_the_kernel() const;

    const std::string root_, processes_;
    std::map<std::uint16_t, Shares> groups_;  // what this process has written, by domid
    std::map<pid_t, Thread> threads_;         // of the kernel
};

}  // namespace hvctld
