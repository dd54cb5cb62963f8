// Content: carrying out effects, on the store or inside a transaction, and keeping count of what each domain owns.
#include <unordered_set>

#include "store/content.hpp"

namespace hvctld::store {

void Content::charge(Transaction* transaction, DomainId owner, Holding more) {
    if (transaction != nullptr) {
        Holding& delta = transaction->node_delta()[owner];
        delta.nodes += more.nodes;
        delta.bytes += more.bytes;
        return;
    }
    Account& account = accounts_.of(owner);
    account.nodes += more.nodes;
    account.node_bytes += more.bytes;
    node_count_ = static_cast<std::uint64_t>(static_cast<std::int64_t>(node_count_) + more.nodes);
}

// A transaction holds more than its changes will take once they are made, so a commit needs no question of its own.
bool Content::admits_memory(const Scope& scope, std::span<const Effect> effects) {
    std::uint64_t more = 0;
    for (const Effect& effect : effects) {
        if (effect.kind == EffectKind::Remove) continue;
        if (scope.transaction != nullptr) {
            more += Transaction::bytes_of(effect);
        } else if (effect.kind == EffectKind::Create) {
            more += static_cast<std::uint64_t>(
                Node::bytes_of(effect.path.size() - parent_path(effect.path).size(), effect.value.size()));
        } else if (effect.kind == EffectKind::SetValue) {
            const std::size_t before = tree_.find(effect.path)->value.size();
            if (effect.value.size() > before) more += effect.value.size() - before;
        }
    }
    return more == 0 || accounts_.admit(scope.actor.domain, Quota::Memory, accounts_.memory(scope.actor.domain) + more);
}

std::int64_t Content::charged(const Scope& scope, DomainId owner) const {
    const Account* const account = accounts_.find(owner);
    std::int64_t nodes = account == nullptr ? 0 : account->nodes;
    if (scope.transaction != nullptr) {
        const auto& delta = scope.transaction->node_delta();
        if (const auto found = delta.find(owner); found != delta.end()) nodes += found->second.nodes;
    }
    return nodes;
}

void Content::apply(Tree& tree, const Effect& effect, Transaction* transaction) {
    const Generation now = ++generation_;
    switch (effect.kind) {
        case EffectKind::Create: {
            // Equal permissions are kept once along a branch.
            const Ref<PermissionSet>& of_parent = tree.find(parent_path(effect.path))->permissions;
            const bool same = of_parent->entries == effect.permissions->entries;
            tree.create(effect.path, effect.value, same ? of_parent : effect.permissions, now);
            charge(transaction, effect.permissions->entries.front().domain, {1, tree.find(effect.path)->bytes()});
            return;
        }
        case EffectKind::SetValue: {
            const Node& node = *tree.find(effect.path);
            const auto more =
                static_cast<std::int64_t>(effect.value.size()) - static_cast<std::int64_t>(node.value.size());
            charge(transaction, owner_of(node, incarnations_), {0, more});
            tree.set_value(effect.path, effect.value, now);
            return;
        }
        case EffectKind::SetPermissions: {
            const Node& node = *tree.find(effect.path);
            const std::int64_t bytes = node.bytes();
            charge(transaction, owner_of(node, incarnations_), {-1, -bytes});
            tree.set_permissions(effect.path, effect.permissions, now);
            charge(transaction, effect.permissions->entries.front().domain, {1, bytes});
            return;
        }
        case EffectKind::Remove:
            Tree::visit(*tree.find(effect.path), [&](const Node& node) {
                charge(transaction, owner_of(node, incarnations_), {-1, -node.bytes()});
            });
            tree.remove(effect.path, now);
            return;
    }
}

Result<void> Content::check_node_quotas(const Actor& actor, Transaction& transaction) {
    if (actor.privileged()) return {};
    for (const auto& [owner, delta] : transaction.node_delta()) {
        const std::int64_t wanted = charged({actor}, owner) + delta.nodes;
        if (delta.nodes > 0 && !accounts_.admit(owner, Quota::Nodes, static_cast<std::uint64_t>(wanted))) {
            return std::unexpected{Error::NoSpace};
        }
    }
    return {};
}

// Nothing has changed since it began, and no domain went away: then its own tree is the outcome.
bool Content::now_is_base(const Transaction& transaction) const {
    return tree_.same_as(transaction.base()) && !incarnations_.released_since(transaction.began());
}

Result<void> Content::commit(const Actor& actor, Transaction& transaction) {
    if (!transaction.fits(tree_)) {
        ++accounts_.of(actor.domain).conflicts;
        return std::unexpected{Error::Again};
    }
    if (const auto checked = check_node_quotas(actor, transaction); !checked) return checked;
    const Tree before = tree_;
    if (now_is_base(transaction)) {
        tree_ = transaction.tree();
        for (const auto& [owner, delta] : transaction.node_delta()) charge(nullptr, owner, delta);
    } else {
        for (const Effect& effect : transaction.effects()) apply(tree_, effect, nullptr);
    }
    for (const Effect& effect : transaction.effects()) sink_.record(effect);
    std::unordered_set<std::string> told;
    for (const Effect& effect : transaction.effects()) {
        const bool removed = effect.kind == EffectKind::Remove;
        if (told.insert((removed ? '-' : '+') + effect.path).second) sink_.notify({effect.path, removed, &before});
    }
    return {};
}

bool Content::replay(const Effect& effect) {
    const Node* const node = tree_.find(effect.path);
    if (effect.kind == EffectKind::Create) {
        const bool fits = node == nullptr && tree_.find(parent_path(effect.path)) != nullptr;
        if (!fits) return false;
    } else if (node == nullptr || (effect.kind == EffectKind::Remove && is_root(effect.path))) {
        return false;
    }
    apply(tree_, effect, nullptr);
    return true;
}

void Content::release(DomainId domain) {
    incarnations_.release(domain, ++generation_);
    const Account* const account = accounts_.find(domain);
    if (account != nullptr) {
        const Holding left{account->nodes, account->node_bytes};  // copied: the other account may move this one
        Account& dom0 = accounts_.of(kDom0);
        dom0.nodes += left.nodes;
        dom0.node_bytes += left.bytes;
    }
    accounts_.forget(domain);
}

}  // namespace hvctld::store
