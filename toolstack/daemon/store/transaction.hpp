// A transaction: a snapshot, what it read of it, and what it will change. Two transactions conflict only if one read
// what the other changed: the same node's value, permissions, list of children, or whether it exists.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "store/effect.hpp"
#include "store/tree.hpp"
#include "store/types.hpp"

namespace hvctld::store {

// What was looked at of a node. That it exists, and its permissions, always count.
enum class Looked : std::uint8_t { Existence = 0, Value = 1, Children = 2 };

// Nodes and their bytes, more or fewer.
struct Holding {
    std::int64_t nodes = 0;
    std::int64_t bytes = 0;
};

class Transaction {
  public:
    // `began`: the generation of the store, of which `now` is the tree.
    Transaction(TransactionId id, const Tree& now, Generation began, bool doomed)
        : id_(id), base_(now), tree_(now), began_(began), doomed_(doomed) {}

    ~Transaction();
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;

    // What it holds from now on is added to `meter`, and `snapshot` bytes with it: what its snapshot keeps alive of the
    // domain's own nodes once they change. Given back when it ends.
    void charge_to(std::shared_ptr<std::uint64_t> meter, std::uint64_t snapshot);
    // What looking at `path`, or a change, would add to that.
    std::uint64_t bytes_of_look(std::string_view path) const;
    static std::uint64_t bytes_of(const Effect& effect);

    TransactionId id() const { return id_; }
    Tree& tree() { return tree_; }
    const Tree& base() const { return base_; }
    Generation began() const { return began_; }
    const std::vector<Effect>& effects() const { return effects_; }

    void looked_at(std::string_view path, Looked what);
    // Takes note of a change already made to tree(). Changes of one node's value fold into one, so that repeating them
    // does not grow the transaction.
    void changed(Effect effect);
    std::size_t cost() const { return reads_.size() + effects_.size(); }

    // Is what this transaction read still as it was? A doomed one (its history was lost in a restart, or it stayed open
    // for too long) always conflicts.
    bool fits(const Tree& now) const;

    // Gives up the old snapshot, so that it no longer holds memory; the client learns of it when it commits.
    void doom(const Tree& now);
    bool doomed() const { return doomed_; }

    std::unordered_map<DomainId, Holding>& node_delta() { return node_delta_; }

  private:
    struct LastEffects {
        std::size_t value = kNone;
        std::size_t permissions = kNone;
        static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
    };

    void hold(std::uint64_t bytes);

    TransactionId id_;
    Tree base_;
    Tree tree_;
    Generation began_;
    bool doomed_;
    std::unordered_map<std::string, std::uint8_t> reads_;
    std::vector<Effect> effects_;
    std::unordered_map<std::string, LastEffects> last_;
    std::unordered_map<DomainId, Holding> node_delta_;  // by owner
    std::shared_ptr<std::uint64_t> meter_;
    std::uint64_t held_ = 0;
};

}  // namespace hvctld::store
