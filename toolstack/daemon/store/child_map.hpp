// The children of a node by name: a persistent treap. Looking up, adding and removing cost O(log n) and copying the map
// costs nothing, however many children there are. In-order byte counts let a listing go on in the middle.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "store/ref.hpp"

namespace hvctld::store {

struct Node;

class ChildMap {
  public:
    ChildMap();
    ChildMap(const ChildMap&);
    ChildMap& operator=(const ChildMap&);
    ~ChildMap();

    const Node* find(std::string_view name) const;
    // The reference to an existing child, ready to be changed: everything on the way is this map's own afterwards.
    Ref<Node>& own(std::string_view name);
    void insert(std::string_view name, Ref<Node> node);  // `name` must not be there
    void erase(std::string_view name);                   // `name` must be there

    std::size_t size() const;
    std::uint64_t list_bytes() const;  // all names, one NUL each

    // Visits children in name order from the one that starts at byte `offset` of the listing, or the next one; stops
    // when `visit` returns false.
    using Visit = std::function<bool(const std::string& name, const Node& node)>;
    void visit_from(std::uint64_t offset, const Visit& visit) const;

    // The first child, and the next one after `name` (which need not be there); null pointers when there is none.
    struct Entry {
        const std::string* name = nullptr;
        const Node* node = nullptr;
    };
    Entry after(std::string_view name) const;
    Entry first() const;

    struct Slot;

  private:
    Ref<Slot> root_;
};

}  // namespace hvctld::store
