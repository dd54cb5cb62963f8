// A privileged domain may do everything today. Rights to parts of it (for a driver domain, say) are to be added here.
#include "hv/control/policy.hpp"

#include "hv/domain/domain.hpp"

namespace hv {

bool may_control(const Domain& caller, abi::control::Operation) {
    return caller.privileged;
}

}  // namespace hv
