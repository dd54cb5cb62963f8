#include "store/content.hpp"

#include <algorithm>

#include "hvctl/try.hpp"

namespace hvctld::store {

Result<void> Content::look(const Scope& scope, std::string_view path, Looked what) {
    Transaction* const transaction = scope.transaction;
    if (transaction == nullptr || transaction->doomed()) return {};
    if (!accounts_.admit(scope.actor.domain, Quota::TransactionNodes, transaction->cost() + 1)) {
        return std::unexpected{Error::NoSpace};
    }
    const std::uint64_t more = transaction->bytes_of_look(path);
    if (more != 0 && !accounts_.admit(scope.actor.domain, Quota::Memory, accounts_.memory(scope.actor.domain) + more)) {
        return std::unexpected{Error::NoSpace};
    }
    transaction->looked_at(path, what);
    return {};
}

Result<const Node*> Content::fetch(const Scope& scope, std::string_view path, Access want, Looked what) {
    if (!accounts_.admit(scope.actor.domain, Quota::PathLength, path.size())) {
        return std::unexpected{Error::BadArgument};
    }
    if (const auto looked = look(scope, path, what); !looked) return std::unexpected{looked.error()};
    const Tree::Nearest nearest = view(scope).nearest(path);
    const bool allowed = allows(access_of(*nearest.node, scope.actor, incarnations_), want);
    if (nearest.path.size() == path.size()) {
        if (!allowed) return std::unexpected{Error::NotPermitted};
        return nearest.node;
    }
    // A client that may not use the nearest ancestor is not told what exists below it.
    if (const auto looked = look(scope, nearest.path, Looked::Existence); !looked) {
        return std::unexpected{looked.error()};
    }
    return std::unexpected{allowed ? Error::NotFound : Error::NotPermitted};
}

Result<void> Content::write(const Scope& scope, std::string_view path, std::string value) {
    if (value.size() > kMaxPayload) return std::unexpected{Error::TooBig};
    const auto node = fetch(scope, path, Access::Write, Looked::Existence);
    if (!node && node.error() != Error::NotFound) return std::unexpected{node.error()};
    if (!accounts_.admit(scope.actor.domain, Quota::NodeSize, value.size())) return std::unexpected{Error::NoSpace};
    if (!node) return create(scope, path, std::move(value));
    Effect effect{EffectKind::SetValue, std::string{path}, std::move(value), {}};
    return carry_out(scope, {&effect, 1}, {path});
}

Result<void> Content::mkdir(const Scope& scope, std::string_view path) {
    const auto node = fetch(scope, path, Access::Write, Looked::Existence);
    if (node) return {};
    if (node.error() != Error::NotFound) return std::unexpected{node.error()};
    return create(scope, path, {});
}

Result<void> Content::create(const Scope& scope, std::string_view path, std::string value) {
    const Tree::Nearest nearest = view(scope).nearest(path);
    Permissions inherited = effective_permissions(*nearest.node, incarnations_);
    Ref<PermissionSet> permissions = nearest.node->permissions;
    if (!scope.actor.privileged()) inherited.front().domain = scope.actor.domain;
    if (inherited != permissions->entries) permissions = Ref{new PermissionSet{std::move(inherited)}};

    std::vector<Effect> effects;
    std::size_t end = nearest.path.size() == 1 ? 0 : nearest.path.size();
    while (end != path.size()) {
        end = std::min(path.find('/', end + 1), path.size());
        effects.push_back({EffectKind::Create, std::string{path.substr(0, end)}, {}, permissions});
        if (const auto looked = look(scope, effects.back().path, Looked::Existence); !looked) return looked;
    }
    effects.back().value = std::move(value);
    const DomainId owner = permissions->entries.front().domain;
    const std::int64_t wanted = charged(scope, owner) + static_cast<std::int64_t>(effects.size());
    if (!scope.actor.privileged() && wanted > 0 &&
        !accounts_.admit(owner, Quota::Nodes, static_cast<std::uint64_t>(wanted))) {
        return std::unexpected{Error::NoSpace};
    }
    return carry_out(scope, effects, {path});
}

Result<void> Content::remove(const Scope& scope, std::string_view path) {
    if (is_root(path)) return std::unexpected{Error::BadArgument};
    const auto node = fetch(scope, path, Access::Write, Looked::Existence);
    if (!node) {
        // Removing what is not there is fine as long as it could be there.
        const bool has_parent = view(scope).find(parent_path(path)) != nullptr;
        if (node.error() == Error::NotFound && has_parent) return {};
        return std::unexpected{node.error()};
    }
    Effect effect{EffectKind::Remove, std::string{path}, {}, {}};
    return carry_out(scope, {&effect, 1}, {path, true, &tree_});
}

Result<Permissions> Content::permissions(const Scope& scope, std::string_view path) {
    const Node* const node = TRY(fetch(scope, path, Access::Read, Looked::Existence));
    return effective_permissions(*node, incarnations_);
}

Result<void> Content::set_permissions(const Scope& scope, std::string_view path, Permissions permissions) {
    if (permissions.empty()) return std::unexpected{Error::BadArgument};
    const auto node = fetch(scope, path, Access::None, Looked::Existence);
    if (!node) return std::unexpected{node.error()};
    if (!owns(**node, scope.actor, incarnations_)) return std::unexpected{Error::NotPermitted};
    if (!scope.actor.privileged() && permissions.front().domain != owner_of(**node, incarnations_)) {
        return std::unexpected{Error::NotOwner};
    }
    if (!accounts_.admit(scope.actor.domain, Quota::NodePermissions, permissions.size())) {
        return std::unexpected{Error::NoSpace};
    }
    const Tree before = tree_;
    Effect effect{EffectKind::SetPermissions, std::string{path}, {}, Ref{new PermissionSet{std::move(permissions)}}};
    return carry_out(scope, {&effect, 1}, {path, false, &before});
}

Result<void> Content::carry_out(const Scope& scope, std::span<Effect> effects, ChangeNotice notice) {
    Transaction* const transaction = scope.transaction;
    if (transaction != nullptr &&
        !accounts_.admit(scope.actor.domain, Quota::TransactionNodes, transaction->cost() + effects.size())) {
        return std::unexpected{Error::NoSpace};
    }
    if (!admits_memory(scope, effects)) return std::unexpected{Error::NoSpace};
    // What goes away is told of while it is there: a copy of the tree, kept for that, would make the removal copy the
    // way.
    if (transaction == nullptr && notice.removed) sink_.notify(notice);
    for (Effect& effect : effects) {
        if (transaction != nullptr) {
            apply(transaction->tree(), effect, transaction);
            transaction->changed(std::move(effect));  // of a doomed one, too: what it holds counts
        } else {
            apply(tree_, effect, nullptr);
            sink_.record(effect);
        }
    }
    if (transaction == nullptr && !notice.removed) sink_.notify(notice);
    return {};
}

bool Content::visible(const ChangeNotice& notice, const Actor& actor) const {
    if (actor.privileged()) return true;
    const auto readable = [&](const Node* node) {
        return node != nullptr && allows(access_of(*node, actor, incarnations_), Access::Read);
    };
    const std::string_view parent = is_root(notice.path) ? notice.path : parent_path(notice.path);
    return readable(tree_.find(notice.path)) || readable(tree_.find(parent)) ||
           (notice.before != nullptr &&
            (readable(notice.before->find(notice.path)) || readable(notice.before->find(parent))));
}

}  // namespace hvctld::store
