// Timers, reset and sleep registers (ACPI Specification 6.4, "Fixed ACPI Description Table"; IA-PC HPET
// Specification 1.0a, "The HPET Description Table"; PCI Firmware Specification 3.3, "MCFG Table").
#pragma once

#include <optional>

#include "hv/x86/acpi/tables.hpp"
#include "hv/x86/boot/boot_info.hpp"

namespace hv::x86 {

struct Fadt {
    std::uint16_t sci = 9;
    GenericAddress pm1a_control, pm1b_control;
    GenericAddress pm_timer;
    bool pm_timer_32_bits = false;
    GenericAddress reset;  // present() only when the firmware says that it may be used
    std::uint8_t reset_value = 0;
    bool has_cmos_clock = true;
};
Fadt parse_fadt(TableBytes table);

// Physical address of the HPET's registers; nothing when the table describes none in memory.
std::optional<std::uint64_t> parse_hpet(TableBytes table);

struct PciSegment {
    std::uint64_t address;
    std::uint16_t segment;
    std::uint8_t first_bus, last_bus;
};
FixedList<PciSegment, 16> parse_mcfg(TableBytes table);

}  // namespace hv::x86
