// Which domains exist, by number.
#pragma once

#include <cstdint>

#include "hv/base/types.hpp"

namespace hv {

class Domain;

inline constexpr std::uint16_t kMaxDomains = 4096;

// The domain with this number, without a reference: for holders of something that keeps
// it alive (a frame of its, a port).
Domain* domain_in_table(DomainId id);
// Its id is below kMaxDomains. False when that is taken.
bool publish_domain(Domain& domain);
void withdraw_domain(Domain& domain);
// A free number from 1 on, preferring not to reuse recent ones; DomainId{0} when there is none.
DomainId choose_domain_id();

}  // namespace hv
