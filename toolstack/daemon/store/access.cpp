#include "store/access.hpp"

namespace hvctld::store {

namespace {

bool is_actor(DomainId domain, const Actor& actor) {
    return domain == actor.domain || domain == actor.target;
}

}  // namespace

bool owns(const Node& node, const Actor& actor, const Incarnations& incarnations) {
    return actor.privileged() || is_actor(owner_of(node, incarnations), actor);
}

Access access_of(const Node& node, const Actor& actor, const Incarnations& incarnations) {
    if (owns(node, actor, incarnations)) return Access::Both;
    const Permissions& entries = node.permissions->entries;
    for (std::size_t i = 1; i < entries.size(); ++i) {
        const DomainId domain = entries[i].domain;
        if (is_actor(domain, actor) && incarnations.valid(domain, node.permissions_generation)) {
            return entries[i].access;
        }
    }
    return entries.front().access;
}

DomainId owner_of(const Node& node, const Incarnations& incarnations) {
    const DomainId owner = node.permissions->entries.front().domain;
    return incarnations.valid(owner, node.permissions_generation) ? owner : kDom0;
}

Permissions effective_permissions(const Node& node, const Incarnations& incarnations) {
    Permissions result = node.permissions->entries;
    result.front().domain = owner_of(node, incarnations);
    std::erase_if(result, [&](const PermissionEntry& entry) {
        return &entry != result.data() && !incarnations.valid(entry.domain, node.permissions_generation);
    });
    return result;
}

}  // namespace hvctld::store
