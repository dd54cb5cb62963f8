// This machine's ACPI tables, read once.
#pragma once

#include "hv/x86/acpi/fadt.hpp"
#include "hv/x86/acpi/madt.hpp"

namespace hv::x86 {

struct AcpiInfo {
    bool present = false;
    Madt madt;
    Fadt fadt;
    std::optional<std::uint64_t> hpet;
    FixedList<PciSegment, 16> pci_segments;
    // Physical address of a root pointer that Dom0 cannot find by searching (UEFI); 0 when it can. Linux takes it as
    // acpi_rsdp= on its command line.
    std::uint64_t hidden_root_pointer = 0;
};

void read_acpi();  // needs paging
const AcpiInfo& acpi();

// Writes the PM1 control registers, as the platform's sleep sequence asks (ACPI, "PM1 Control Registers"). Returns only
// when the machine did not go to sleep at once. Error::NoDevice: no such register.
Result<> acpi_write_sleep(std::uint16_t pm1a_value, std::uint16_t pm1b_value);

}  // namespace hv::x86
