#include "store/engine.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "store/local_client.hpp"
#include "store/recovery.hpp"
#include "store/ring_client.hpp"

namespace hvctld::store {

namespace {

constexpr Generation kMaxTransactionAge = 100'000;  // changes by others

}  // namespace

Engine::Engine(StoreOptions options)
    : options_(std::move(options)),
      log_(options_.log, options_.monotonic_ms),
      accounts_(options_.default_quotas, log_),
      content_(accounts_, *this),
      local_(std::make_unique<LocalClient>(*this)) {}

// Clients unregister themselves, so they go while everything they are registered with is still there.
Engine::~Engine() {
    domains_.clear();
    local_.reset();
}

std::expected<void, std::string> Engine::recover() {
    if (options_.journal_directory.empty()) return {};
    recovering_ = true;
    Recovery recovery{*this};
    auto journal = Journal::open(options_.journal_directory, recovery);
    recovering_ = false;
    for (auto& [id, domain] : domains_) domain.ring->doom_transactions();
    if (!journal) return std::unexpected{journal.error()};
    journal_ = *std::move(journal);
    if (recovery.misfits() > 0) {
        log_.write(LogLevel::Error, fmt::format("store: {} records of the journal did not fit what came before; they "
                                                "were left out",
                                                recovery.misfits()));
    }
    return {};
}

RecordSink* Engine::records() {
    return journal_ && !recovering_ && !journal_failed_ ? &writer_ : nullptr;
}

void Engine::record(const Effect& effect) {
    if (RecordSink* const sink = records()) sink->effect(effect);
}

void Engine::notify(const ChangeNotice& notice) {
    watches_.visit(notice.path, [&](Watch& watch) {
        if (content_.visible(notice, watch.client->actor())) watch.client->deliver(watch, notice.path, false);
    });
    if (!notice.removed) return;
    watches_.visit_below(notice.path, [&](Watch& watch) {
        if (notice.before->find(watch.path) == nullptr) return;
        const ChangeNotice below{watch.path, true, notice.before};
        if (content_.visible(below, watch.client->actor())) watch.client->deliver(watch, watch.path, false);
    });
}

void Engine::finish() {
    while (!dirty_.empty() || !callbacks_.empty()) {
        std::ranges::sort(dirty_);
        const auto [first, last] = std::ranges::unique(dirty_);
        dirty_.erase(first, last);
        // forget_client() may empty slots while this runs, and clients may become dirty again.
        for (std::size_t i = 0; i < dirty_.size(); ++i) {
            if (dirty_[i] != nullptr) dirty_[i]->settle();
        }
        flush();
        const std::vector<WireClient*> ready = std::exchange(dirty_, {});
        for (WireClient* const client : ready) {
            if (client != nullptr) client->push();
        }
        if (callbacks_.empty()) continue;
        const std::function<void()> callback = std::move(callbacks_.front());
        callbacks_.pop_front();
        callback();
    }
    doom_old_transactions();
}

void Engine::watch_age(const std::shared_ptr<Transaction>& transaction) {
    aging_.push_back({content_.generation(), transaction});
}

// A transaction that never ends would hold the tree of its first day in memory.
void Engine::doom_old_transactions() {
    while (!aging_.empty()) {
        const auto transaction = aging_.front().transaction.lock();
        if (transaction && content_.generation() - aging_.front().started < kMaxTransactionAge) return;
        aging_.pop_front();
        if (!transaction) continue;
        transaction->doom(content_.tree());
        watch_age(transaction);
    }
}

void Engine::schedule(RingClient& ring) {
    if (std::exchange(ring.scheduled, true)) return;
    pending_.push_back(&ring);
    if (options_.wake && pending_.size() == 1) options_.wake();
}

void Engine::forget_client(WireClient& client) {
    std::ranges::replace(dirty_, &client, nullptr);
    std::erase_if(pending_, [&](const RingClient* ring) { return ring == &client; });
}

StoreStatistics Engine::statistics() const {
    StoreStatistics result;
    result.nodes = content_.node_count();
    result.watches = watches_.size();
    result.generation = content_.generation();
    result.journal_bytes = journal_ ? journal_->bytes() : 0;
    result.compactions = compactions_;
    result.journal_failed = journal_failed_;
    return result;
}

}  // namespace hvctld::store
