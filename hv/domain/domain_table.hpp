// Which domains exist, by number.
#pragma once

#include "hv/base/types.hpp"

namespace hv {

class Domain;

inline constexpr DomainId kMaxDomains = 4096;

// The domain with this number, without a reference: for holders of something that keeps
// it alive (a frame of its, a port).
Domain* domain_in_table(DomainId id);
// DomainId{0..kMaxDomains-1}. False when the number is taken.
bool publish_domain(Domain& domain);
void withdraw_domain(Domain& domain);
// A free number from 1 on, preferring not to reuse recent ones; 0 when there is none.
DomainId choose_domain_id();

}  // namespace hv
