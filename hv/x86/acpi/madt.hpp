// CPUs and interrupt controllers (ACPI Specification 6.4, "Multiple APIC Description Table").
#pragma once

#include "hv/base/types.hpp"
#include "hv/x86/acpi/tables.hpp"
#include "hv/x86/boot/boot_info.hpp"

namespace hv::x86 {

struct MadtCpu {
    std::uint32_t apic_id, acpi_id;
    bool enabled;  // not enabled: could be plugged in later
};
struct MadtIoApic {
    std::uint8_t id;
    std::uint32_t address, first_gsi;
};
// How an ISA line is wired, where that is not "irq == gsi, edge, active high".
struct MadtOverride {
    std::uint8_t irq;
    std::uint32_t gsi;
    bool level, active_low;
};
struct MadtLocalNmi {
    std::uint32_t acpi_id;  // all ones: every CPU
    std::uint8_t lint;
    bool level, active_low;
};

struct Madt {
    std::uint64_t local_apic = 0xfee0'0000;
    bool has_8259 = true;
    FixedList<MadtCpu, kMaxCpus> cpus;
    FixedList<MadtIoApic, 16> io_apics;
    FixedList<MadtOverride, 16> overrides;
    FixedList<MadtLocalNmi, 16> local_nmis;
};

// What does not fit (more than kMaxCpus CPUs) is left out.
Madt parse_madt(TableBytes table);

}  // namespace hv::x86
