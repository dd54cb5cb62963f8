// All watches, by path. Telling of a change visits the watches on the path and its ancestors only, so the cost does
// not depend on how many other watches or domains there are.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

namespace hvctld::store {

class Client;

struct Watch {
    Client* client = nullptr;
    std::string path;  // canonical, absolute or special
    std::string token;
    std::size_t relative_prefix = 0;  // bytes of the path that the client does not want to see
    std::uint64_t saved_by = 0;       // the number of the last compaction of the journal that has it
    // The index's: all watches in the order in which they were added.
    Watch* previous = nullptr;
    Watch* next = nullptr;
};

class WatchIndex {
  private:
    struct Place;

  public:
    WatchIndex();
    ~WatchIndex();

    // Where a watch is kept; valid until it is removed. The watch must outlive it.
    struct Position {
        Place* place;
        std::list<Watch*>::iterator entry;
    };
    Position add(Watch& watch);
    void remove(Position position);  // its watch is still there
    std::size_t size() const { return size_; }

    // Going through all watches in pieces, while watches come and go: one at a time does so. Those that are added
    // meanwhile are visited, too. nullptr: that was all.
    void start_over() { cursor_ = first_; }
    Watch* next();

    using Visit = std::function<void(Watch& watch)>;
    // Watches that a change of `path` concerns: on it and on its ancestors. Special paths have no ancestors.
    void visit(std::string_view path, const Visit& visit) const;
    // Watches on paths strictly below `path`; `path` itself need not be watched.
    void visit_below(std::string_view path, const Visit& visit) const;

  private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
    };
    struct Place {
        Place* parent = nullptr;
        std::string name;
        std::unordered_map<std::string, std::unique_ptr<Place>, Hash, std::equal_to<>> children;
        std::list<Watch*> watches;
    };
    Place* find(std::string_view path) const;
    void unlink(const Watch& watch);
    static void visit_place(const Place& place, const Visit& visit);

    std::unique_ptr<Place> root_;      // "/"
    std::unique_ptr<Place> specials_;  // children are whole names, "@releaseDomain/5" included
    std::size_t size_ = 0;
    Watch* first_ = nullptr;
    Watch* last_ = nullptr;
    Watch* cursor_ = nullptr;  // what next() gives next
};

}  // namespace hvctld::store
