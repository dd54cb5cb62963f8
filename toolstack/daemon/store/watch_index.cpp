#include "store/watch_index.hpp"

#include <utility>

#include "store/path.hpp"

namespace hvctld::store {

WatchIndex::WatchIndex() : root_(std::make_unique<Place>()), specials_(std::make_unique<Place>()) {}
WatchIndex::~WatchIndex() = default;

WatchIndex::Position WatchIndex::add(Watch& watch) {
    const auto child_of = [](Place& place, std::string_view name) -> Place& {
        auto found = place.children.find(name);
        if (found == place.children.end()) {
            found = place.children.emplace(std::string{name}, std::make_unique<Place>()).first;
            found->second->parent = &place;
            found->second->name = name;
        }
        return *found->second;
    };
    Place* place = root_.get();
    if (watch.path.front() == '@') {
        place = &child_of(*specials_, watch.path);
    } else if (!is_root(watch.path)) {
        std::string_view rest = watch.path;
        while (!rest.empty()) place = &child_of(*place, next_component(rest));
    }
    ++size_;
    watch.previous = last_;
    (last_ == nullptr ? first_ : last_->next) = &watch;
    last_ = &watch;
    return {place, place->watches.insert(place->watches.end(), &watch)};
}

void WatchIndex::unlink(const Watch& watch) {
    if (cursor_ == &watch) cursor_ = watch.next;
    (watch.previous == nullptr ? first_ : watch.previous->next) = watch.next;
    (watch.next == nullptr ? last_ : watch.next->previous) = watch.previous;
}

Watch* WatchIndex::next() {
    return cursor_ == nullptr ? nullptr : std::exchange(cursor_, cursor_->next);
}

void WatchIndex::remove(Position position) {
    Place* place = position.place;
    unlink(**position.entry);
    place->watches.erase(position.entry);
    --size_;
    while (place->parent != nullptr && place->watches.empty() && place->children.empty()) {
        Place* const parent = place->parent;
        parent->children.erase(parent->children.find(place->name));
        place = parent;
    }
}

WatchIndex::Place* WatchIndex::find(std::string_view path) const {
    Place* place = root_.get();
    while (place != nullptr && !path.empty() && !is_root(path)) {
        const auto found = place->children.find(next_component(path));
        place = found == place->children.end() ? nullptr : found->second.get();
    }
    return place;
}

void WatchIndex::visit(std::string_view path, const Visit& visit) const {
    const auto visit_watches = [&](const Place& place) {
        for (Watch* const watch : place.watches) visit(*watch);
    };
    if (path.front() == '@') {
        const auto found = specials_->children.find(path);
        if (found != specials_->children.end()) visit_watches(*found->second);
        return;
    }
    const Place* place = root_.get();
    visit_watches(*place);
    while (!path.empty() && !is_root(path)) {
        const auto found = place->children.find(next_component(path));
        if (found == place->children.end()) return;
        place = found->second.get();
        visit_watches(*place);
    }
}

void WatchIndex::visit_place(const Place& place, const Visit& visit) {
    for (const auto& [name, child] : place.children) {
        for (Watch* const watch : child->watches) visit(*watch);
        visit_place(*child, visit);
    }
}

void WatchIndex::visit_below(std::string_view path, const Visit& visit) const {
    if (const Place* const place = find(path)) visit_place(*place, visit);
}

}  // namespace hvctld::store
