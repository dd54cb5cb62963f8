// Hypercalls about the machine: Dom0's.
#pragma once

#include "hv/hypercall/hypercall.hpp"

namespace hv::x86 {

HypercallResult do_physdev_op(HypercallArguments& arguments);
HypercallResult do_platform_op(HypercallArguments& arguments);
HypercallResult do_machine_check_op(HypercallArguments& arguments);
HypercallResult do_physdev_op_compat(HypercallArguments& arguments);

// Bring-up: all of these but the last, which only PV guests have (pv/hypercalls/register_hypercalls.cpp).
void register_machine_hypercalls();

}  // namespace hv::x86
