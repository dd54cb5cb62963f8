#include "hv/x86/devices/pci_config.hpp"

#include "hv/base/spinlock.hpp"
#include "hv/x86/cpu/io.hpp"
#include "hv/x86/devices/device_moves.hpp"

namespace hv::x86 {
namespace {

constinit Spinlock g_lock{LockRank::Leaf};
constinit std::uint32_t g_guest_address = 0;

constexpr std::uint32_t kEnable = 0x8000'0000;

void select(PciAddress device, std::uint8_t reg) {
    out32(kPciAddressPort,
          kEnable | (std::uint32_t{device.bus} << 16) | (std::uint32_t{device.devfn} << 8) | (reg & 0xfcu));
}

}  // namespace

std::uint32_t pci_read(PciAddress device, std::uint8_t reg, unsigned bytes) {
    if (device.segment != 0) return ~0u;
    Guard guard{g_lock};
    select(device, reg);
    return read_port(static_cast<std::uint16_t>(kPciDataPort + (reg & 3)), bytes);
}

void pci_write(PciAddress device, std::uint8_t reg, unsigned bytes, std::uint32_t value) {
    if (device.segment != 0) return;
    Guard guard{g_lock};
    select(device, reg);
    write_port(static_cast<std::uint16_t>(kPciDataPort + (reg & 3)), bytes, value);
}

bool is_pci_port(std::uint16_t port, unsigned bytes) {
    return (port == kPciAddressPort && bytes == 4) || (port >= kPciDataPort && port + bytes <= kPciDataPort + 4u);
}

std::uint32_t guest_pci_read(std::uint16_t port, unsigned bytes) {
    Guard guard{g_lock};
    if (port == kPciAddressPort) return g_guest_address;
    out32(kPciAddressPort, g_guest_address);
    return read_port(port, bytes);
}

void guest_pci_write(std::uint16_t port, unsigned bytes, std::uint32_t value) {
    Guard guard{g_lock};
    if (port == kPciAddressPort) {
        g_guest_address = value;
        return;
    }
    out32(kPciAddressPort, g_guest_address);
    // Any of them may move a device: by its command or base addresses, a bridge's
    // windows, a chipset's registers, a reset.
    write_port_that_moves_devices(port, bytes, value);
}

}  // namespace hv::x86
