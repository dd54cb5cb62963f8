// How one limit of a guest is divided among its disks, and each disk's share among reads and writes: Dom0's kernel
// knows limits of block devices alone. Pure computation: its owner reads the counters periodically and calls it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "config/definition.hpp"
#include "devices/block/block_host.hpp"

namespace hvctld {

// What a guest may do with a block device in a second. 0: as much as there is.
struct DiskShare {
    std::uint64_t reads = 0;
    std::uint64_t writes = 0;
    std::uint64_t read_bytes = 0;
    std::uint64_t written_bytes = 0;
    bool operator==(const DiskShare&) const = default;
};

// The kernel takes nothing smaller.
inline constexpr std::uint64_t kLeastShare = 2;

// Divides a limit per second among disks: those that ask for more get what the others leave, and none is left without
// enough to begin with. `used` is what each has made of the share that it has `had`, 0: none yet; `waits` whether it
// has asked for more than was let through.
//
// No share falls by more than half: when one falls far while requests wait, Linux (blk-throttle.c, the sum of
// carryover_bytes) lets all of them through for as many slices as it was larger before. So the sum is the limit only
// when what they had was not much more.
std::vector<std::uint64_t> divide(std::uint64_t limit, std::span<const std::uint64_t> used,
                                  std::span<const std::uint64_t> had, const std::vector<bool>& waits = {});

class DiskDivision {
  public:
    // What a guest has asked of a device, and what was let through, where each counter begins anew at times; and its
    // share so far.
    struct Counted {
        DiskCounters asked, served;
        DiskShare had;
    };
    // What the devices may do until the next look; `seconds` have passed since the last one.
    std::map<dev_t, DiskShare> next(const config::DiskLimits& limits, const std::map<dev_t, Counted>& counted,
                                    double seconds);

  private:
    // What was left unused of a limit, less what was used beyond it.
    struct Savings {
        std::uint64_t limit = 0;
        double amount = 0;
        std::uint64_t may_use(std::uint64_t limit_now, std::uint32_t burst_seconds, double used, double seconds);
    };

    Savings requests_, bytes_;
    std::map<dev_t, Counted> counted_;
    std::map<dev_t, DiskCounters> waiting_;  // asked for and not yet let through
};

}  // namespace hvctld
