// The content of volumes: erased, or copied from an image.
#pragma once

#include "storage/volume_pool.hpp"

namespace hvctld {

// Writes zeros over all that a file has on its disk, and waits until they are there.
Result<void> zero_data(int file, Pace& pace);
// All of a block device, piece by piece.
Result<void> zero_device(StorageHost& host, int device, std::uint64_t from, Pace& pace);
// Of a device that reads as zeros what it has been given nothing for. Where it cannot discard, what is no zeros is
// written over. What was done, "discarded".
Result<const char*> discard_device(StorageHost& host, int device, Pace& pace);

// The first `bytes` of a file or block device into a volume that is zeros: what is zeros there is not written.
Result<void> copy_sparsely(int from, int to, std::uint64_t bytes, Pace& pace);

}  // namespace hvctld
