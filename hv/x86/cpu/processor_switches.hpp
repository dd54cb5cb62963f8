// What a measure against leaks, or hv whatever is at work, sets in the processor once.
#pragma once

namespace hv::x86 {

// On each CPU, before it runs guests; on all of them again when what is at work has changed.
void set_processor_switches();

}  // namespace hv::x86
