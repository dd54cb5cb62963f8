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
#include <set>
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
    using Shares = std::map<dev_t, DiskShare>;
    // What the guest may do from now on with the devices named: its shares of them, which change often, and in no case
    // more than `most`, which does not.
    Result<void> set(std::uint16_t domid, const Shares& shares, const DiskShare& most);
    // What it may do now, also where another program has set that. A device that is not named has no limits.
    [[nodiscard]] Shares shares(std::uint16_t domid) const;
    // Has the guests' threads in their groups. New ones come whenever a guest's driver takes a disk up: after each boot
    // loader, for one.
    void gather();
    // What was let through of what they have asked of devices, since the group is there.
    [[nodiscard]] std::map<dev_t, DiskCounters> served(std::uint16_t domid) const;
    // Those that are not kept have no limits any more, and no group when their threads have ended:
    // whether there are such whose threads have not.
    bool keep(const std::function<bool(std::uint16_t domid)>& kept);

  private:
    struct Thread {
        std::optional<std::uint16_t> domid;  // nothing: of no guest's disk
        bool gathered = false;
    };

    [[nodiscard]] std::string folder(std::uint16_t domid) const;  // has what it may do at most
    [[nodiscard]] std::string leaf(std::uint16_t domid) const;    // in that one: its shares, and its threads
    Result<void> make(std::uint16_t domid);
    void empty_into_leaf(std::uint16_t domid) const;
    [[nodiscard]] std::vector<pid_t> threads_of_the_kernel() const;

    const std::string root_, processes_;
    std::set<std::uint16_t> groups_;   // that this process has made or found
    std::map<pid_t, Thread> threads_;  // of the kernel
};

}  // namespace hvctld
