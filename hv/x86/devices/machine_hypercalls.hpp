// Hypercalls about the machine: Dom0's.
#pragma once

#include "hv/hypercall/hypercall.hpp"

namespace hv::x86 {

HypercallResult do_physdev_op(HypercallArguments& arguments);
HypercallResult do_physdev_op_compat(HypercallArguments& arguments);
HypercallResult do_platform_op(HypercallArguments& arguments);
HypercallResult do_machine_check_op(HypercallArguments& arguments);

// Bring-up: every hypercall that x86/pv implements.
void register_pv_hypercalls();

}  // namespace hv::x86
