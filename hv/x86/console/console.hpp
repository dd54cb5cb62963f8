// The console's machine side; hv/machine/console.hpp and log.hpp are what others use.
#pragma once

#include "hv/x86/boot/boot_info.hpp"
#include "hv/x86/boot/command_line.hpp"

namespace hv::x86 {

void start_console(const BootOptions& options, const BootDisplay& display);
// From here on output takes no lock, and waits for its devices: the other CPUs are stopped or about to be.
void console_enter_panic();
// Waits until all output has left: the machine is about to end.
void finish_output();
// Fetches typed characters from every device; called by their interrupts and, as a fallback, by a timer.
void poll_console_input();
// Hooks the devices' interrupts, or polls where there are none; interrupt controllers and timers are
// up. From here on no writer waits for a device.
void enable_console_interrupts();
// Dom0 is about to drive the screen: hv writes to it no more, except in a panic.
void release_screen();

}  // namespace hv::x86
