// Programming a device's message-signalled interrupts (PCI Local Bus 3.0, 6.8).
#pragma once

#include <cstdint>

#include "hv/base/result.hpp"
#include "hv/x86/devices/pci_config.hpp"

namespace hv::x86 {

struct MsiTarget {
    PciAddress device;
    std::uint64_t table;         // MSI-X table's physical address; 0 means MSI
    std::uint32_t entry;         // MSI-X entry
    std::uint32_t messages = 1;  // MSI: a power of two; they differ in the lowest bits of the data
};

// How many messages the device's MSI capability has; 0 without one.
std::uint32_t msi_messages(PciAddress device);
// The device sends `data`, or that and the numbers above it, to `address` from now on.
// Error::NoDevice: it has no such capability.
Result<> write_message(const MsiTarget& target, std::uint64_t address, std::uint32_t data);
// An MSI-X entry is masked, until it gets a message again; MSI is switched off.
void silence_messages(const MsiTarget& target);

}  // namespace hv::x86
