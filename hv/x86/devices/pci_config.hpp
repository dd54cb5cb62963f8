// PCI configuration space through ports 0xcf8 and 0xcfc, shared with Dom0 (PCI Local Bus 3.0, 3.2.2.3.2).
#pragma once

#include <cstdint>

namespace hv::x86 {

struct PciAddress {
    std::uint16_t segment;
    std::uint8_t bus;
    std::uint8_t devfn;
    bool operator==(const PciAddress&) const = default;
};

inline constexpr std::uint16_t kPciAddressPort = 0xcf8, kPciDataPort = 0xcfc;

// hv's own accesses; `bytes` is 1, 2 or 4. Only segment 0 is reachable this way.
std::uint32_t pci_read(PciAddress device, std::uint8_t reg, unsigned bytes);
void pci_write(PciAddress device, std::uint8_t reg, unsigned bytes, std::uint32_t value);

// Dom0's: what it wrote to the address port is remembered, and used again with each of its data accesses.
bool is_pci_port(std::uint16_t port, unsigned bytes);
std::uint32_t guest_pci_read(std::uint16_t port, unsigned bytes);
void guest_pci_write(std::uint16_t port, unsigned bytes, std::uint32_t value);

}  // namespace hv::x86
