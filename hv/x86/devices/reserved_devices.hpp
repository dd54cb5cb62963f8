// hv's own devices and its page in low memory: Dom0 may look at them and write to none.
#pragma once

namespace hv::x86 {

void reserve_devices();

}  // namespace hv::x86
