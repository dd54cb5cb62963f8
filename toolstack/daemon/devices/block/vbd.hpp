// A disk of a guest as the store has it (Xen's public/io/blkif.h): what xen-blkback in Dom0's kernel and the guest's
// driver are told of it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string_view>

#include "config/definition.hpp"
#include "devices/xenbus.hpp"

namespace hvctld {

inline constexpr std::string_view kVbd = "vbd";

// A disk that is served from the block device `device`.
BusDevices::Entry vbd_entry(const config::DiskDefinition& disk, dev_t device);
// The block device that the backend serves; 0 when it is not there.
dev_t vbd_device(const BusDevices& vbds, std::uint32_t number);

}  // namespace hvctld
