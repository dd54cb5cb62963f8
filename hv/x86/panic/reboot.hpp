// Ends of the machine's life. None takes a lock or needs another CPU.
#pragma once

namespace hv::x86 {

[[noreturn]] void machine_reboot();  // ACPI reset register, keyboard controller, port 0xcf9, triple fault
[[noreturn]] void machine_halt();    // stays on, does nothing; power-off is acpi_write_sleep()

}  // namespace hv::x86
