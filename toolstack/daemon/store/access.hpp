// Which domain may do what with a node.
#pragma once

#include <optional>
#include <unordered_map>

#include "store/node.hpp"
#include "store/permissions.hpp"
#include "store/types.hpp"

namespace hvctld::store {

// In whose name a client acts.
struct Actor {
    DomainId domain;
    std::optional<DomainId> target;  // a device model also may do what its target may
    bool privileged() const { return domain == kDom0; }
};

// Domain numbers are used again. What a node grants to a number that was released after the permissions were set was
// meant for the earlier domain and is void; so releasing a domain need not visit the nodes that name it.
class Incarnations {
  public:
    void release(DomainId domain, Generation now) { released_[domain] = last_release_ = now; }
    bool valid(DomainId domain, Generation permissions_set) const {
        const auto found = released_.find(domain);
        return found == released_.end() || found->second < permissions_set;
    }
    bool released_since(Generation when) const { return last_release_ > when; }

  private:
    std::unordered_map<DomainId, Generation> released_;
    Generation last_release_ = 0;
};

Access access_of(const Node& node, const Actor& actor, const Incarnations& incarnations);
bool owns(const Node& node, const Actor& actor, const Incarnations& incarnations);

// The domain that the node is charged to, and its permissions without what is void (a void owner becomes Dom0).
DomainId owner_of(const Node& node, const Incarnations& incarnations);
Permissions effective_permissions(const Node& node, const Incarnations& incarnations);

}  // namespace hvctld::store
