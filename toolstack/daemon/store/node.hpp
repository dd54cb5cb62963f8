// A node of the tree. Nodes are shared between the store and the snapshots that transactions and compaction hold:
// code that changes one goes through Ref::own(), which copies what others still see.
#pragma once

#include <string>

#include "store/child_map.hpp"
#include "store/permissions.hpp"
#include "store/ref.hpp"
#include "store/types.hpp"

namespace hvctld::store {

struct PermissionSet : RefCounted {
    explicit PermissionSet(Permissions list) : entries(std::move(list)) {}
    Permissions entries;
};

struct Node : RefCounted {
    // What it takes of memory, about.
    [[nodiscard]] std::int64_t bytes() const { return bytes_of(name_bytes, value.size()); }
    static std::int64_t bytes_of(std::size_t name, std::size_t value) {
        constexpr std::size_t kFixed = 256;
        return static_cast<std::int64_t>(kFixed + name + value);
    }

    std::string value;
    Ref<PermissionSet> permissions;  // shared with the parent it was inherited from
    ChildMap children;
    std::uint32_t name_bytes = 0;  // of the name that its parent has for it
    // When each part changed last; all three are set when the node is created.
    Generation value_generation = 0;
    Generation permissions_generation = 0;
    Generation children_generation = 0;  // a child came or went; not: a child changed
};

}  // namespace hvctld::store
