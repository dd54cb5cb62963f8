// What an unprivileged guest writes to hv's console: whole lines, marked with the domain, at a limited rate.
#pragma once

#include <string_view>

namespace hv {

class Domain;

void guest_log_append(Domain& domain, std::string_view text);

}  // namespace hv
