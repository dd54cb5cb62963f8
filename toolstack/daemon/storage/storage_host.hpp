// What LVM and Dom0's kernel do for volumes: the part that tests replace. All of it may wait for a disk, and may be
// called from any thread.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "base/files.hpp"
#include "base/run_program.hpp"

namespace hvctld {

class StorageHost {
  public:
    virtual ~StorageHost() = default;

    // As run_program().
    virtual Result<ProgramOutcome> run(const std::vector<std::string>& command, const std::stop_token& cancel) = 0;
    // The block device of a logical volume, opened for reading and writing, and exclusively within Dom0.
    virtual Result<UniqueFd> open_device(const std::string& path) = 0;
    virtual Result<std::uint64_t> size_of_device(int device) = 0;
    // From there on so many bytes are read as zeros, and nothing of what was there is left.
    virtual Result<void> zero(int device, std::uint64_t from, std::uint64_t bytes) = 0;
    // What was there is given back to what the device is made of. NotSupported.
    virtual Result<void> discard(int device, std::uint64_t from, std::uint64_t bytes) = 0;
};

}  // namespace hvctld
