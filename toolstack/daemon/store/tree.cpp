#include "store/tree.hpp"

#include "store/path.hpp"

namespace hvctld::store {

namespace {

std::string_view last_component(std::string_view path) {
    return path.substr(path.rfind('/') + 1);
}

}  // namespace

Tree::Tree() : root_(new Node) {
    root_->permissions = Ref{new PermissionSet{{PermissionEntry{kDom0, Access::None}}}};
}

const Node* Tree::find(std::string_view path) const {
    const Node* node = root_.get();
    if (is_root(path)) return node;
    while (node != nullptr && !path.empty()) node = node->children.find(next_component(path));
    return node;
}

Tree::Nearest Tree::nearest(std::string_view path) const {
    Nearest result{root_.get(), path.substr(0, 1)};
    if (is_root(path)) return result;
    std::string_view rest = path;
    while (!rest.empty()) {
        const Node* child = result.node->children.find(next_component(rest));
        if (child == nullptr) break;
        result = {child, path.substr(0, path.size() - rest.size())};
    }
    return result;
}

Node& Tree::own(std::string_view path) {
    Ref<Node>* node = &root_;
    if (is_root(path)) return node->own();
    while (!path.empty()) node = &node->own().children.own(next_component(path));
    return node->own();
}

void Tree::set_value(std::string_view path, std::string value, Generation now) {
    Node& node = own(path);
    node.value = std::move(value);
    node.value_generation = now;
}

void Tree::set_permissions(std::string_view path, Ref<PermissionSet> set, Generation now) {
    Node& node = own(path);
    node.permissions = std::move(set);
    node.permissions_generation = now;
}

void Tree::create(std::string_view path, std::string value, Ref<PermissionSet> set, Generation now) {
    Ref<Node> node{new Node};
    node->value = std::move(value);
    node->permissions = std::move(set);
    node->value_generation = node->permissions_generation = node->children_generation = now;
    node->name_bytes = static_cast<std::uint32_t>(last_component(path).size());
    Node& parent = own(parent_path(path));
    parent.children.insert(last_component(path), std::move(node));
    parent.children_generation = now;
}

void Tree::remove(std::string_view path, Generation now) {
    Node& parent = own(parent_path(path));
    parent.children.erase(last_component(path));
    parent.children_generation = now;
}

void Tree::visit(const Node& node, const std::function<void(const Node&)>& each) {
    each(node);
    node.children.visit_from(0, [&](const std::string&, const Node& child) {
        visit(child, each);
        return true;
    });
}

}  // namespace hvctld::store
