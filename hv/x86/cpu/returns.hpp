// The places where hv's functions return (leaks/returns.hpp).
#pragma once

namespace hv::x86 {

// Once, on the boot CPU before the others start, by measures_at_work(): what is a return from then on stays one.
void set_returns();

}  // namespace hv::x86
