// Bring-up of the CPUs beside the first.
#pragma once

namespace hv::x86 {

// Numbers the firmware's CPUs and gives each its stacks; the boot CPU is there already. Needs ACPI and the early
// allocator.
void add_cpus();
// Starts them one after another; each ends in idle_loop(). One that does not come is left out.
void start_cpus();

}  // namespace hv::x86
