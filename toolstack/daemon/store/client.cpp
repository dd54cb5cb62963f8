#include "store/client.hpp"

#include <algorithm>

#include "store/engine.hpp"
#include "store/record.hpp"

namespace hvctld::store {

std::string Client::watch_key(std::string_view path, std::string_view token) {
    std::string key{path};
    key += '\0';
    key += token;
    return key;
}

// Records nothing: a ring that ends for good records the domain's release instead.
Client::~Client() {
    Account& account = engine_.accounts().of(actor_.domain);
    account.watches -= static_cast<std::uint32_t>(watches_.size());
    account.transactions -= static_cast<std::uint32_t>(transactions_.size());
    for (auto& [key, own] : watches_) engine_.watches().remove(own.position);
}

Result<Watch*> Client::add_watch(const ParsedPath& path, std::string_view token) {
    std::string key = watch_key(path.absolute, token);
    if (watches_.contains(key)) return std::unexpected{Error::Exists};
    Accounts& accounts = engine_.accounts();
    Account& account = accounts.of(actor_.domain);
    // Recovery takes the watches as they are, whatever the quota says today.
    if (!engine_.recovering() && !accounts.admit(actor_.domain, Quota::Watches, watches_.size() + 1)) {
        return std::unexpected{Error::NoSpace};
    }
    auto watch = std::make_unique<Watch>(Watch{this, path.absolute, std::string{token}, path.relative_prefix});
    Watch* const result = watch.get();
    engine_.mark_new(*result);
    const WatchIndex::Position position = engine_.watches().add(*result);
    watches_.emplace(std::move(key), OwnWatch{std::move(watch), position});
    ++account.watches;
    if (RecordSink* const sink = records()) {
        sink->watch_added(actor_.domain, result->path, result->token,
                          static_cast<std::uint32_t>(result->relative_prefix));
    }
    return result;
}

Result<void> Client::remove_watch(std::string_view path, std::string_view token) {
    const auto found = watches_.find(watch_key(path, token));
    if (found == watches_.end()) return std::unexpected{Error::NotFound};
    engine_.about_to_remove(*found->second.watch);
    engine_.watches().remove(found->second.position);
    const auto removed = watches_.extract(found);
    --engine_.accounts().of(actor_.domain).watches;
    if (RecordSink* const sink = records()) {
        const Watch& watch = *removed.mapped().watch;
        sink->watch_removed(actor_.domain, watch.path, watch.token);
    }
    return {};
}

Result<TransactionId> Client::start_transaction() {
    Accounts& accounts = engine_.accounts();
    if (!accounts.admit(actor_.domain, Quota::Transactions, transactions_.size() + 1)) {
        return std::unexpected{Error::NoSpace};
    }
    const auto snapshot = static_cast<std::uint64_t>(std::max<std::int64_t>(accounts.of(actor_.domain).node_bytes, 0));
    if (!accounts.admit(actor_.domain, Quota::Memory, accounts.memory(actor_.domain) + snapshot)) {
        return std::unexpected{Error::NoSpace};
    }
    do {
        ++last_transaction_;
    } while (last_transaction_ == 0 || transactions_.contains({last_transaction_}));
    const TransactionId id{last_transaction_};
    auto transaction =
        std::make_shared<Transaction>(id, engine_.content().tree(), engine_.content().generation(), false);
    transaction->charge_to(accounts.of(actor_.domain).transaction_bytes, snapshot);
    if (!actor_.privileged()) engine_.watch_age(transaction);
    transactions_.emplace(id, std::move(transaction));
    ++accounts.of(actor_.domain).transactions;
    if (RecordSink* const sink = records()) sink->transaction_started(actor_.domain, id);
    return id;
}

Transaction* Client::find_transaction(TransactionId id) {
    const auto found = transactions_.find(id);
    return found == transactions_.end() ? nullptr : found->second.get();
}

Result<void> Client::end_transaction(TransactionId id, bool commit) {
    const auto node = transactions_.extract(id);
    if (node.empty()) return std::unexpected{Error::NotFound};
    --engine_.accounts().of(actor_.domain).transactions;
    if (RecordSink* const sink = records()) sink->transaction_ended(actor_.domain, id);
    if (!commit) return {};
    return engine_.content().commit(actor_, *node.mapped());
}

void Client::forget_everything() {
    Account& account = engine_.accounts().of(actor_.domain);
    account.watches -= static_cast<std::uint32_t>(watches_.size());
    account.transactions -= static_cast<std::uint32_t>(transactions_.size());
    for (auto& [key, own] : watches_) engine_.watches().remove(own.position);
    watches_.clear();
    transactions_.clear();
    if (RecordSink* const sink = records()) sink->client_reset(actor_.domain);
}

void Client::restore_transaction(TransactionId id) {
    auto transaction =
        std::make_shared<Transaction>(id, engine_.content().tree(), engine_.content().generation(), true);
    Account& account = engine_.accounts().of(actor_.domain);
    transaction->charge_to(account.transaction_bytes, 0);
    if (transactions_.emplace(id, std::move(transaction)).second) ++account.transactions;
    last_transaction_ = id.raw;
}

void Client::doom_transactions() {
    for (auto& [id, transaction] : transactions_) transaction->doom(engine_.content().tree());
}

void Client::write_snapshot(RecordSink& sink) const {
    for (const auto& [id, transaction] : transactions_) sink.transaction_started(actor_.domain, id);
    sink.transaction_counter(actor_.domain, {last_transaction_});
}

WireClient::~WireClient() {
    engine_.forget_client(*this);
}

void WireClient::reply(const Request& request, MessageType type, std::string_view payload) {
    output_.push_reply(encode_message(type, request.header.request, request.header.transaction, payload));
    queued(output_.messages().back());
    engine_.mark_dirty(*this);
}

void WireClient::deliver(const Watch& watch, std::string_view path, bool first) {
    std::string payload{path.substr(std::min(watch.relative_prefix, path.size()))};
    payload += '\0';
    payload += watch.token;
    payload += '\0';
    if (payload.size() > kMaxPayload) return;  // a path so deep that no message can carry it with this token
    const std::size_t bytes = output_.bytes() + sizeof(MessageHeader) + payload.size();
    const bool admitted = engine_.accounts().admit(actor().domain, Quota::OutstandingBytes, bytes);
    if (!admitted || bytes > kMaxOutstanding) return overflow();
    if (!output_.push_event(encode_message(MessageType::WatchEvent, 0, 0, payload), first)) return;
    ++engine_.accounts().of(actor().domain).events;
    queued(output_.messages().back());
    engine_.mark_dirty(*this);
}

}  // namespace hvctld::store
