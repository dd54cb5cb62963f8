// Ends of the machine's life. None takes a lock or needs another CPU.
#pragma once

namespace hv::x86 {

[[noreturn]] void machine_reboot();  // ACPI reset register, keyboard controller, port 0xcf9, triple fault
[[noreturn]] void machine_halt();    // stays on, does nothing
[[noreturn]] void machine_power_off();  // ACPI S5; halts where that does not work

}  // namespace hv::x86
