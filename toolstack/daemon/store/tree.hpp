// The tree of nodes. Copying a Tree is a snapshot: it costs one reference, and later changes to either side copy only
// the nodes on the way to what changes. Paths are canonical and absolute; permissions are the caller's business.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "store/node.hpp"

namespace hvctld::store {

class Tree {
  public:
    // A root owned by Dom0, which no other domain may use.
    Tree();

    const Node& root() const { return *root_; }
    bool same_as(const Tree& other) const { return root_ == other.root_; }

    const Node* find(std::string_view path) const;
    // The node at `path` or else its nearest ancestor that exists, with how much of `path` names it.
    struct Nearest {
        const Node* node;
        std::string_view path;
    };
    Nearest nearest(std::string_view path) const;

    void set_value(std::string_view path, std::string value, Generation now);                       // must exist
    void set_permissions(std::string_view path, Ref<PermissionSet> set, Generation now);            // must exist
    void create(std::string_view path, std::string value, Ref<PermissionSet> set, Generation now);  // parent must exist
    void remove(std::string_view path, Generation now);  // must exist, not the root

    // Every node at and below `node`.
    static void visit(const Node& node, const std::function<void(const Node&)>& each);

  private:
    Node& own(std::string_view path);
    Ref<Node> root_;
};

}  // namespace hvctld::store
