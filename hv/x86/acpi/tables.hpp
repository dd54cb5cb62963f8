// Finding ACPI tables (ACPI Specification 6.4, "ACPI System Description Tables"). Firmware is not trusted: every length
// is checked, checksums must be right. Nothing here touches the machine but through the view.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "hv/base/result.hpp"
#include "hv/x86/boot/multiboot.hpp"

namespace hv::x86 {

using TableBytes = std::span<const std::uint8_t>;

struct AcpiRoot {
    std::uint64_t address = 0;  // of the XSDT or RSDT
    bool wide = false;          // entries of 8 bytes
};

// From a copy of the root pointer, or, when `copy` is empty, by searching the EBDA and the BIOS area.
// Error::NoEntry: there is none.
Result<AcpiRoot> find_acpi_root(const PhysicalView& memory, TableBytes copy);

// The `index`-th table with this signature, header included. Error::NoEntry, or Error::BadArgument when it is damaged.
Result<TableBytes> find_acpi_table(const PhysicalView& memory, const AcpiRoot& root, std::string_view signature,
                                   unsigned index = 0);

inline constexpr std::size_t kAcpiHeaderSize = 36;

// A little-endian field; 0 when the table is too short for it.
template <class T>
T field(TableBytes table, std::size_t offset) {
    T value{};
    if (offset <= table.size() && table.size() - offset >= sizeof(T))
        std::memcpy(&value, table.data() + offset, sizeof(T));
    return value;
}

// "Generic Address Structure".
struct GenericAddress {
    enum class Space : std::uint8_t { Memory = 0, Io = 1, Pci = 2 } space = Space::Memory;
    std::uint8_t bits = 0;
    std::uint64_t address = 0;
    bool present() const { return address != 0; }
};
GenericAddress generic_address(TableBytes table, std::size_t offset);

}  // namespace hv::x86
