// A debug key's view of the grant tables.
#include "hv/base/log.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/grant/table.hpp"

namespace hv {

void GrantTable::dump() {
    Guard guard{lock_};
    info("domain {}: grant table version {}, {} of {} frames, {} status frames, {} handles", domain_->id, version_,
         frames_, max_frames_, status_frames_, maptrack.capacity());
    for_each_pinned([](GrantRef ref, const ActiveGrant& active) {
        info("  {:5} frame {:x} domain {} host r{} w{} device r{} w{}", ref, active.frame, active.domain,
             active.pins[0], active.pins[1], active.pins[2], active.pins[3]);
    });
}

void dump_grants(Domain& domain) {
    domain.grants.dump();
}

}  // namespace hv
