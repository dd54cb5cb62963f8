// set_timer_op: a vCPU's one-shot timer, the old way.
#include "hv/domain/vcpu.hpp"
#include "hv/domain/vcpu_timers.hpp"
#include "hv/hypercall/handlers.hpp"

namespace hv {

HypercallResult do_set_timer_op(HypercallArguments& arguments) {
    vcpu_set_timer_op(current_vcpu(), arguments.value[0]);
    return 0;
}

}  // namespace hv
