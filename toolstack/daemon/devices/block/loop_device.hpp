// Dom0's loop devices: a file as a block device (linux/loop.h).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "devices/block/image.hpp"

namespace hvctld {

struct LoopDevice {
    UniqueFd file;  // of the loop device, which detaches itself when this is closed and nothing else has it open
    dev_t device = 0;
};

// A loop device over `backing`, with direct I/O where the file system has it. It detaches itself when it is closed by
// the last that has it open, so that a process that is killed leaves nothing behind. LimitReached when the kernel has
// none left.
Result<LoopDevice> attach_loop(int backing, bool read_only, const std::string& path);

// Makes the file behind a loop device, which must be `image`, so large, and the device with it. FileUnreadable when the
// path of the image leads to another file by now.
Result<void> grow_loop(dev_t device, const Image& image, std::uint64_t bytes);

}  // namespace hvctld
