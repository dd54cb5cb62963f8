#include "hv/x86/devices/reserved_devices.hpp"

#include "hv/x86/acpi/acpi.hpp"
#include "hv/x86/apic/io_apic.hpp"
#include "hv/x86/boot/command_line.hpp"
#include "hv/x86/boot/early_memory.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/devices/io_permissions.hpp"

namespace hv::x86 {

void reserve_devices() {
    constexpr std::uint64_t kApicBaseMask = 0x000f'ffff'ffff'f000;
    reserve_io_frame(frame_of(MachineAddress{read_msr(Msr::ApicBase) & kApicBaseMask}));
    for (unsigned index = 0; index < io_apic_count(); ++index)
        reserve_io_frame(frame_of(MachineAddress{io_apic_info(index).physical}));
    // A CPU that comes up late still runs through it.
    if (trampoline_page() != 0) reserve_io_frame(frame_of(MachineAddress{trampoline_page()}));
    if (acpi().hpet) reserve_io_frame(frame_of(MachineAddress{*acpi().hpet}));
    reserve_io_ports(0x20, 2);  // 8259s
    reserve_io_ports(0xa0, 2);
    reserve_io_ports(0x40, 4);  // PIT
    constexpr std::uint16_t kStandardBase[2] = {0x3f8, 0x2f8};
    for (unsigned port = 0; port < 2; ++port) {
        const SerialOptions& serial = boot_options().serial[port];
        if (boot_options().console_serial[port] || serial.wanted)
            reserve_io_ports(serial.io_base ? serial.io_base : kStandardBase[port], 8);
    }
}

}  // namespace hv::x86
