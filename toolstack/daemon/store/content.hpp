// The nodes of the store and the rules for using them: permissions, quotas, ownership, transactions.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/access.hpp"
#include "store/accounts.hpp"
#include "store/error.hpp"
#include "store/path.hpp"
#include "store/transaction.hpp"
#include "store/tree.hpp"

namespace hvctld::store {

// A change that watches are told of.
struct ChangeNotice {
    std::string_view path;
    bool removed = false;          // then watches on what was below `path` are told as well
    const Tree* before = nullptr;  // the tree before the change, where permissions or nodes went away
};

class ChangeSink {
  public:
    virtual void record(const Effect& effect) = 0;        // for the journal, in order
    virtual void notify(const ChangeNotice& notice) = 0;  // for the watches
  protected:
    ~ChangeSink() = default;
};

// Which domain asks, and in which transaction (nullptr: none).
struct Scope {
    Actor actor;
    Transaction* transaction = nullptr;
};

class Content {
  public:
    Content(Accounts& accounts, ChangeSink& sink) : accounts_(accounts), sink_(sink) { accounts_.of(kDom0).nodes = 1; }

    // Paths are canonical and absolute. Nodes stay valid until the next change.
    Result<const Node*> fetch(const Scope& scope, std::string_view path, Access want, Looked what);
    Result<void> write(const Scope& scope, std::string_view path, std::string value);
    Result<void> mkdir(const Scope& scope, std::string_view path);
    Result<void> remove(const Scope& scope, std::string_view path);
    Result<Permissions> permissions(const Scope& scope, std::string_view path);
    Result<void> set_permissions(const Scope& scope, std::string_view path, Permissions permissions);

    // Error::Again: it conflicts. The transaction is over in any case.
    Result<void> commit(const Actor& actor, Transaction& transaction);

    // May `actor` know that `notice` happened? It may if it may read the node, or the parent that lists it.
    bool visible(const ChangeNotice& notice, const Actor& actor) const;

    // Carries out a recorded effect without questions: for recovery. False: it does not fit the tree.
    bool replay(const Effect& effect);

    void release(DomainId domain);  // the domain is gone: what it owned is Dom0's, what it was granted is void
    const Tree& tree() const { return tree_; }
    const Incarnations& incarnations() const { return incarnations_; }
    Generation generation() const { return generation_; }
    std::uint64_t node_count() const { return node_count_; }

  private:
    const Tree& view(const Scope& scope) const { return scope.transaction ? scope.transaction->tree() : tree_; }
    Result<void> look(const Scope& scope, std::string_view path, Looked what);
    Result<void> create(const Scope& scope, std::string_view path, std::string value);
    Result<void> carry_out(const Scope& scope, std::span<Effect> effects, ChangeNotice notice);
    void apply(Tree& tree, const Effect& effect, Transaction* transaction);
    void charge(Transaction* transaction, DomainId owner, Holding more);
    bool admits_memory(const Scope& scope, std::span<const Effect> effects);
    std::int64_t charged(const Scope& scope, DomainId owner) const;
    bool now_is_base(const Transaction& transaction) const;
    Result<void> check_node_quotas(const Actor& actor, Transaction& transaction);

    Accounts& accounts_;
    ChangeSink& sink_;
    Tree tree_;
    Generation generation_ = 0;
    Incarnations incarnations_;
    std::uint64_t node_count_ = 1;
};

}  // namespace hvctld::store
