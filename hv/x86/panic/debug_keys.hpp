// Debug keys of the machine part: d, t, C. ('h' and 'R' are the console's own.)
#pragma once

namespace hv::x86 {

void register_machine_debug_keys();

}  // namespace hv::x86
