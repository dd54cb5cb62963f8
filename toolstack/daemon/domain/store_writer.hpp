// Several entries of the store in one transaction, each with its permissions.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "base/errors.hpp"
#include "store/store.hpp"

namespace hvctld {

// Remembers the first failure.
class StoreWriter {
  public:
    StoreWriter(store::Store& target, store::TransactionId transaction) : store_{target}, transaction_{transaction} {}

    void write(const std::string& path, std::string_view value, const store::Permissions& permissions) {
        note(path, store_.write(path, value, transaction_));
        note(path, store_.set_permissions(path, permissions, transaction_));
    }
    void directory(const std::string& path, const store::Permissions& permissions) {
        note(path, store_.mkdir(path, transaction_));
        note(path, store_.set_permissions(path, permissions, transaction_));
    }
    [[nodiscard]] Result<void> outcome() const { return outcome_; }

  private:
    void note(const std::string& path, const store::Result<void>& result) {
        if (!result && outcome_)
            outcome_ =
                fail(ErrorId::Internal, fmt::format("store entry {}: {}", path, store::wire_name(result.error())));
    }

    store::Store& store_;
    store::TransactionId transaction_;
    Result<void> outcome_;
};

// All that `fill` writes, or nothing.
template <class Fill>
Result<void> write_together(store::Store& store, Fill fill) {
    constexpr int kAttempts = 10;  // the daemon is the only thread: a conflict can only come from a nested callback
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        const store::TransactionId transaction = store.start_transaction();
        StoreWriter writer{store, transaction};
        fill(writer);
        if (const auto outcome = writer.outcome(); !outcome) {
            store.abort(transaction);
            return outcome;
        }
        const auto committed = store.commit(transaction);
        if (committed) return {};
        if (committed.error() != store::Error::Again)
            return fail(ErrorId::Internal, fmt::format("store: {}", store::wire_name(committed.error())));
    }
    return fail(ErrorId::Internal, "store: the transaction kept conflicting");
}

}  // namespace hvctld
