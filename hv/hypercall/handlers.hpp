// Every hypercall handler; dispatch.cpp gives each its number.
#pragma once

#include "hv/hypercall/hypercall.hpp"

namespace hv {

HypercallResult do_event_channel_op(HypercallArguments& arguments);
HypercallResult do_event_channel_op_compat(HypercallArguments& arguments);
HypercallResult do_grant_table_op(HypercallArguments& arguments);
HypercallResult do_sched_op_compat(HypercallArguments& arguments);
HypercallResult do_sched_op(HypercallArguments& arguments);
HypercallResult do_vcpu_op(HypercallArguments& arguments);
HypercallResult do_set_timer_op(HypercallArguments& arguments);
HypercallResult do_memory_op(HypercallArguments& arguments);
HypercallResult do_multicall(HypercallArguments& arguments);
HypercallResult do_xen_version(HypercallArguments& arguments);
HypercallResult do_console_io(HypercallArguments& arguments);
HypercallResult do_control(HypercallArguments& arguments);

}  // namespace hv
