// The structures that most of the guest interface uses, in one include.
#pragma once

#include "hv/abi/xen/domain_id.hpp"
#include "hv/abi/xen/layout.hpp"
#include "hv/abi/xen/shared_info.hpp"
#include "hv/abi/xen/start_info.hpp"
#include "hv/abi/xen/vcpu_state.hpp"
