#include "hv/x86/devices/msi.hpp"

#include <array>
#include <bit>

#include "hv/base/spinlock.hpp"
#include "hv/base/types.hpp"
#include "hv/memory/frame.hpp"
#include "hv/x86/paging/hv_tables.hpp"

namespace hv::x86 {
namespace {

constexpr std::uint8_t kStatus = 0x06, kCapabilities = 0x34;
constexpr std::uint16_t kHasCapabilities = 0x10;
constexpr std::uint8_t kMsiCapability = 0x05;
constexpr std::uint16_t kMsiEnabled = 1u << 0, kMsi64Bit = 1u << 7, kMsiMaskable = 1u << 8;
constexpr unsigned kMsiCapableShift = 1, kMsiEnabledShift = 4;  // logarithms of numbers of messages, three bits each
constexpr unsigned kMaxMessagesLog = 5;
constexpr unsigned kMaxCapabilities = 48;
constexpr std::size_t kMsixEntryBytes = 16;
constexpr std::uint32_t kMsixMasked = 1;

std::uint8_t find_capability(PciAddress device, std::uint8_t wanted) {
    if (pci_read(device, 0, 2) == 0xffff || !(pci_read(device, kStatus, 2) & kHasCapabilities)) return 0;
    auto position = static_cast<std::uint8_t>(pci_read(device, kCapabilities, 1) & 0xfc);
    for (unsigned i = 0; i < kMaxCapabilities && position >= 0x40; ++i) {
        if (pci_read(device, position, 1) == wanted) return position;
        position = static_cast<std::uint8_t>(pci_read(device, static_cast<std::uint8_t>(position + 1), 1) & 0xfc);
    }
    return 0;
}

// Device memory stays mapped once it was: a machine has few MSI-X tables.
struct MappedPage {
    std::uint64_t physical = 0;
    void* address = nullptr;
};
constinit Spinlock g_lock{LockRank::Leaf};
constinit std::array<MappedPage, 256> g_pages{};

volatile std::uint32_t* table_entry(const MsiTarget& target) {
    const std::uint64_t at = target.table + target.entry * kMsixEntryBytes;
    const std::uint64_t page = at & ~std::uint64_t{kPageSize - 1};
    if (is_counted(frame_of(MachineAddress{page}))) return nullptr;  // RAM is no device
    Guard guard{g_lock};
    for (MappedPage& mapped : g_pages) {
        if (!mapped.address) {
            const Result<void*> address = map_device(page, kPageSize);
            if (!address) return nullptr;
            mapped = {page, *address};
        }
        if (mapped.physical == page)
            return reinterpret_cast<volatile std::uint32_t*>(static_cast<char*>(mapped.address) + (at - page));
    }
    return nullptr;
}

}  // namespace

Result<> write_message(const MsiTarget& target, std::uint64_t address, std::uint32_t data) {
    if (target.table != 0) {
        volatile std::uint32_t* entry = table_entry(target);
        if (!entry) return fail(Error::NoDevice);
        entry[3] = entry[3] | kMsixMasked;
        entry[0] = static_cast<std::uint32_t>(address);
        entry[1] = static_cast<std::uint32_t>(address >> 32);
        entry[2] = data;
        entry[3] = entry[3] & ~kMsixMasked;
        return {};
    }
    const std::uint8_t position = find_capability(target.device, kMsiCapability);
    if (position == 0) return fail(Error::NoDevice);
    const auto at = [&](unsigned offset) { return static_cast<std::uint8_t>(position + offset); };
    const std::uint32_t control = pci_read(target.device, at(2), 2);
    const bool wide = control & kMsi64Bit;
    const std::uint8_t mask = at(wide ? 16 : 12);
    // A device that can be silenced sends nothing to the new processor with the old data.
    const std::uint32_t masked = control & kMsiMaskable ? pci_read(target.device, mask, 4) : 0;
    if (control & kMsiMaskable) pci_write(target.device, mask, 4, ~0u);
    const auto enabled = static_cast<std::uint32_t>(std::countr_zero(target.messages)) << kMsiEnabledShift;
    pci_write(target.device, at(2), 2, (control & ~(7u << kMsiEnabledShift)) | enabled);
    pci_write(target.device, at(4), 4, static_cast<std::uint32_t>(address));
    if (wide) pci_write(target.device, at(8), 4, static_cast<std::uint32_t>(address >> 32));
    pci_write(target.device, at(wide ? 12 : 8), 2, data);
    if (control & kMsiMaskable) pci_write(target.device, mask, 4, masked);
    return {};
}

std::uint32_t msi_messages(PciAddress device) {
    const std::uint8_t position = find_capability(device, kMsiCapability);
    if (position == 0) return 0;
    const std::uint32_t log = (pci_read(device, static_cast<std::uint8_t>(position + 2), 2) >> kMsiCapableShift) & 7;
    return 1u << (log < kMaxMessagesLog ? log : kMaxMessagesLog);
}

void silence_messages(const MsiTarget& target) {
    if (target.table != 0) {
        if (volatile std::uint32_t* entry = table_entry(target)) entry[3] = entry[3] | kMsixMasked;
        return;
    }
    const std::uint8_t position = find_capability(target.device, kMsiCapability);
    if (position == 0) return;
    const auto control = static_cast<std::uint8_t>(position + 2);
    pci_write(target.device, control, 2, pci_read(target.device, control, 2) & ~std::uint32_t{kMsiEnabled});
}

}  // namespace hv::x86
