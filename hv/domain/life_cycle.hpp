// The end of a domain.
#pragma once

#include "hv/base/result.hpp"

namespace hv {

class Domain;

// Takes everything back that the domain has. Error::Restart: there is more to do; call again. Error::Again: all is back
// but frames that other domains still map. The privileged domain and the caller's own are BadArgument.
Result<> destroy_domain(Domain& domain);

}  // namespace hv
