// hv's own devices, which Dom0 may not touch.
#pragma once

namespace hv::x86 {

void reserve_devices();

}  // namespace hv::x86
