// The hypercalls that only PV guests have.
#pragma once

namespace hv::x86 {

void register_pv_hypercalls();  // bring-up

}  // namespace hv::x86
