// What Dom0's kernel does for disks: the part of it that tests replace.
#pragma once

#include <cstdint>

#include "devices/block/image.hpp"
#include "hypervisor/hypervisor.hpp"

namespace hvctld {

// What blkback is given: a block device, and what keeps it there until blkback has opened it.
struct Backing {
    UniqueFd file;
    dev_t device = 0;
};

class BlockHost {
  public:
    virtual ~BlockHost() = default;

    // An image as a block device. May wait for its disk: for a thread that may. From any thread.
    virtual Result<Backing> attach(Image image, const config::DiskDefinition& disk) = 0;
    // Whether blkback has opened the device behind disk `number` of the domain.
    [[nodiscard]] virtual bool serves(DomainId domain, std::uint32_t number) = 0;
};

}  // namespace hvctld
