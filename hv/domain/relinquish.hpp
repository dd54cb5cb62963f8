// Taking everything back that a dying domain has of its frames.
#pragma once

#include "hv/base/result.hpp"

namespace hv {

class Domain;
class Vcpu;

// What the vCPU, which does not run and never will, refers to. Error::Restart: call again.
Result<> relinquish_vcpu(Vcpu& vcpu);
// Its vCPUs have given up their page tables. Afterwards the domain owns only frames that others still refer to.
// Error::Restart: call again.
Result<> relinquish_frames(Domain& domain);

}  // namespace hv
