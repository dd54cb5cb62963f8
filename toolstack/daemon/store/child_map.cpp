#include "store/child_map.hpp"

#include <random>

#include "store/node.hpp"

namespace hvctld::store {

// A treap: ordered by name, heap by priority. Priorities are random, so that no choice of names makes it degenerate.
struct ChildMap::Slot : RefCounted {
    std::string name;
    Ref<Node> node;
    Ref<Slot> left, right;
    std::uint32_t priority = 0;
    std::uint32_t count = 1;
    std::uint64_t bytes = 0;

    void update() {
        count = 1 + (left ? left->count : 0) + (right ? right->count : 0);
        bytes = name.size() + 1 + (left ? left->bytes : 0) + (right ? right->bytes : 0);
    }
};

namespace {

using Slot = ChildMap::Slot;

std::uint32_t random_priority() {
    static std::minstd_rand generator{std::random_device{}()};
    return static_cast<std::uint32_t>(generator());
}

void rotate_right(Ref<Slot>& root) {
    Ref<Slot> pivot = std::move(root->left);
    root->left = std::move(pivot->right);
    root->update();
    pivot->right = std::move(root);
    root = std::move(pivot);
    root->update();
}

void rotate_left(Ref<Slot>& root) {
    Ref<Slot> pivot = std::move(root->right);
    root->right = std::move(pivot->left);
    root->update();
    pivot->left = std::move(root);
    root = std::move(pivot);
    root->update();
}

void insert_slot(Ref<Slot>& root, Ref<Slot> slot) {
    if (!root) {
        root = std::move(slot);
        return;
    }
    Slot& here = root.own();
    if (slot->name < here.name) {
        insert_slot(here.left, std::move(slot));
        here.update();
        if (here.left->priority > here.priority) rotate_right(root);
    } else {
        insert_slot(here.right, std::move(slot));
        here.update();
        if (here.right->priority > here.priority) rotate_left(root);
    }
}

// All names of `left` come before those of `right`.
Ref<Slot> merge(Ref<Slot> left, Ref<Slot> right) {
    if (!left) return right;
    if (!right) return left;
    if (left->priority > right->priority) {
        Slot& top = left.own();
        top.right = merge(std::move(top.right), std::move(right));
        top.update();
        return left;
    }
    Slot& top = right.own();
    top.left = merge(std::move(left), std::move(top.left));
    top.update();
    return right;
}

void erase_slot(Ref<Slot>& root, std::string_view name) {
    const int order = name.compare(root->name);
    if (order == 0) {
        Slot& here = root.own();
        root = merge(std::move(here.left), std::move(here.right));
        return;
    }
    Slot& here = root.own();
    erase_slot(order < 0 ? here.left : here.right, name);
    here.update();
}

bool visit_slots(const Slot* slot, std::uint64_t offset, const ChildMap::Visit& visit) {
    if (slot == nullptr || offset >= slot->bytes) return true;
    const std::uint64_t left_bytes = slot->left ? slot->left->bytes : 0;
    if (offset < left_bytes && !visit_slots(slot->left.get(), offset, visit)) return false;
    if (offset <= left_bytes && !visit(slot->name, *slot->node)) return false;
    const std::uint64_t before_right = left_bytes + slot->name.size() + 1;
    return visit_slots(slot->right.get(), offset > before_right ? offset - before_right : 0, visit);
}

}  // namespace

ChildMap::ChildMap() = default;
ChildMap::ChildMap(const ChildMap&) = default;
ChildMap& ChildMap::operator=(const ChildMap&) = default;
ChildMap::~ChildMap() = default;

const Node* ChildMap::find(std::string_view name) const {
    const Slot* slot = root_.get();
    while (slot != nullptr) {
        const int order = name.compare(slot->name);
        if (order == 0) return slot->node.get();
        slot = (order < 0 ? slot->left : slot->right).get();
    }
    return nullptr;
}

Ref<Node>& ChildMap::own(std::string_view name) {
    Ref<Slot>* slot = &root_;
    while (true) {
        Slot& here = slot->own();
        const int order = name.compare(here.name);
        if (order == 0) return here.node;
        slot = order < 0 ? &here.left : &here.right;
    }
}

void ChildMap::insert(std::string_view name, Ref<Node> node) {
    Ref<Slot> slot{new Slot};
    slot->name = name;
    slot->node = std::move(node);
    slot->priority = random_priority();
    slot->update();
    insert_slot(root_, std::move(slot));
}

void ChildMap::erase(std::string_view name) {
    erase_slot(root_, name);
}

std::size_t ChildMap::size() const {
    return root_ ? root_->count : 0;
}

std::uint64_t ChildMap::list_bytes() const {
    return root_ ? root_->bytes : 0;
}

void ChildMap::visit_from(std::uint64_t offset, const Visit& visit) const {
    visit_slots(root_.get(), offset, visit);
}

ChildMap::Entry ChildMap::first() const {
    const Slot* slot = root_.get();
    if (slot == nullptr) return {};
    while (slot->left) slot = slot->left.get();
    return {&slot->name, slot->node.get()};
}

ChildMap::Entry ChildMap::after(std::string_view name) const {
    const Slot* slot = root_.get();
    Entry best;
    while (slot != nullptr) {
        if (name < slot->name) {
            best = {&slot->name, slot->node.get()};
            slot = slot->left.get();
        } else {
            slot = slot->right.get();
        }
    }
    return best;
}

}  // namespace hvctld::store
