#include "store/snapshot.hpp"

namespace hvctld::store {

TreeSnapshot::TreeSnapshot(const Tree& tree, const Incarnations& incarnations)
    : tree_(tree), incarnations_(incarnations) {
    levels_.push_back({&tree_.root(), {}, 0});
}

void TreeSnapshot::write_node(RecordWriter& writer, const Node& node, bool root) {
    Permissions permissions = effective_permissions(node, incarnations_);
    Ref<PermissionSet> set{new PermissionSet{std::move(permissions)}};
    if (root) {
        writer.effect({EffectKind::SetValue, "/", node.value, {}});
        writer.effect({EffectKind::SetPermissions, "/", {}, std::move(set)});
        return;
    }
    writer.effect({EffectKind::Create, path_, node.value, std::move(set)});
}

bool TreeSnapshot::step(RecordWriter& writer, std::size_t bytes) {
    if (!root_written_) write_node(writer, tree_.root(), true);
    root_written_ = true;
    while (!levels_.empty() && writer.buffer().size() < bytes) {
        Level& level = levels_.back();
        const ChildMap& children = level.node->children;
        const ChildMap::Entry next = level.last_child.empty() ? children.first() : children.after(level.last_child);
        if (next.node == nullptr) {
            levels_.pop_back();
            continue;
        }
        level.last_child = *next.name;
        path_.resize(level.path_bytes);
        path_ += '/';
        path_ += *next.name;
        write_node(writer, *next.node, false);
        levels_.push_back({next.node, {}, path_.size()});
    }
    return !levels_.empty();
}

}  // namespace hvctld::store
