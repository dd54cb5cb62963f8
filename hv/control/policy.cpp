// Whoever is privileged may do everything today; who shall have parts of it (a driver domain, say) is added here.
#include "hv/control/policy.hpp"

#include "hv/domain/domain.hpp"

namespace hv {

bool may_control(const Domain& caller, abi::control::Operation) {
    return caller.privileged;
}

}  // namespace hv
