// Block devices by number, as the store and sysfs have it for xen-blkback in Dom0's kernel: "7:1f".
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace hvctld {

std::optional<dev_t> parse_physical_device(const std::string& text);
std::string physical_device_text(dev_t device);

}  // namespace hvctld
