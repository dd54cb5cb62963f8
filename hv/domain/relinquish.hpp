// Taking all frames back from a dying domain.
#pragma once

#include "hv/base/result.hpp"

namespace hv {

class Domain;

// Its vCPUs have given up their page tables. Afterwards the domain owns only frames that others still refer to.
// Error::Restart: call again.
Result<> relinquish_frames(Domain& domain);

}  // namespace hv
