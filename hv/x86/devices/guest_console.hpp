// hv's serial line as Dom0's console.
#pragma once

namespace hv::x86 {

// Bring-up: characters typed for Dom0 raise VIRQ_CONSOLE.
void connect_guest_console();

}  // namespace hv::x86
