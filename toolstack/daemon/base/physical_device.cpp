#include "base/physical_device.hpp"

#include <fmt/format.h>
#include <sys/sysmacros.h>

#include <cstdio>

namespace hvctld {

std::optional<dev_t> parse_physical_device(const std::string& text) {
    unsigned device_major = 0;
    unsigned device_minor = 0;
    if (std::sscanf(text.c_str(), "%x:%x", &device_major, &device_minor) != 2) return std::nullopt;
    return makedev(device_major, device_minor);
}

std::string physical_device_text(dev_t device) {
    return fmt::format("{:x}:{:x}", major(device), minor(device));
}

}  // namespace hvctld
