#include "devices/block/vbd.hpp"

#include <fmt/format.h>

#include "base/physical_device.hpp"
#include "config/disk_target.hpp"

namespace hvctld {

BusDevices::Entry vbd_entry(const config::DiskDefinition& disk, dev_t device) {
    const auto target = config::parse_disk_target(disk.target);
    const std::uint32_t number = target ? target->number() : 0;  // no definition has one that cannot be parsed
    const char* kind = disk.cdrom ? "cdrom" : "disk";
    return {number,
            {{"virtual-device", fmt::format("{}", number)}, {"device-type", kind}},
            {{"removable", disk.cdrom ? "1" : "0"},
             {"bootable", "1"},
             {"dev", disk.target},
             {"type", "phy"},
             {"mode", disk.read_only ? "r" : "w"},
             {"device-type", kind},
             {"discard-enable", disk.read_only ? "0" : "1"},
             {"physical-device", physical_device_text(device)}}};
}

dev_t vbd_device(const BusDevices& vbds, std::uint32_t number) {
    return parse_physical_device(vbds.read(number, "physical-device").value_or("")).value_or(0);
}

}  // namespace hvctld
