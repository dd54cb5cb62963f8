// What start_machine() expects from the layers above, in the order in which it calls them. traps/defaults.cpp has weak
// stand-ins.
#pragma once

namespace hv::x86 {

// The boot CPU runs alone; paging, traps, interrupt controllers and clocks are up. Builds the frame table and takes
// every frame that take_remaining_memory() (early_memory.hpp) hands out.
void take_over_memory();

// Every CPU is online; runs on the boot CPU on its empty stack: builds Dom0 and becomes this CPU's idle loop.
[[noreturn]] void start_core();

// Implemented by x86/dom0, and called by start_core(). Module 0 is Dom0's kernel, with its command line as the module's
// text; module 1 its initrd. Panics with a reason that helps when there is no Dom0 to be made of them. The modules'
// memory is free afterwards, and Dom0 is ready to run.
void build_dom0();

// What every other CPU runs, on its empty stack with interrupts off, from the moment it is online.
[[noreturn]] void idle_loop();

}  // namespace hv::x86
