// Which domain may manage hv. The one place where that is decided.
#pragma once

#include "hv/abi/control/control.hpp"

namespace hv {

class Domain;

bool may_control(const Domain& caller, abi::control::Operation operation);

}  // namespace hv
