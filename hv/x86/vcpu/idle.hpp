// What a CPU does when there is nothing to do.
#pragma once

namespace hv::x86 {

// Runs on the CPU's empty stack.
[[noreturn]] void run_idle_loop();

}  // namespace hv::x86
