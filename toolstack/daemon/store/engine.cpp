#include "store/engine.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "store/local_client.hpp"
#include "store/recovery.hpp"
#include "store/ring_client.hpp"

namespace hvctld::store {

namespace {

constexpr Generation kMaxTransactionAge = 100'000;    // changes by others
constexpr std::size_t kSnapshotFrame = 64 * 1024;     // bytes written per step of a compaction
constexpr std::uint64_t kCompactAbove = 1024 * 1024;  // bytes beyond twice the last snapshot
constexpr std::uint64_t kRetryAfter = 4096;           // flushes between attempts after the journal was refused

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

void Engine::flush() {
    if (!journal_) return;
    if (journal_failed_) {
        if (++flushes_since_failure_ % kRetryAfter == 0) journal_refused();
        return;
    }
    if (writer_.buffer().empty()) return;
    if (!journal_->append(writer_.buffer())) {
        log_.write(LogLevel::Error,
                   fmt::format("store: the journal in {} refuses writes: {}; the store goes on, but a restart of the "
                               "daemon would lose changes: free space on that file system",
                               options_.journal_directory, std::strerror(errno)));
        compaction_.reset();
        journal_->drop_snapshot();
        journal_failed_ = true;
        flushes_since_failure_ = 0;
    }
    writer_.buffer().clear();
    if (!journal_failed_) compact();
}

// The journal missed changes: only a snapshot of everything makes it whole again.
void Engine::journal_refused() {
    if (!journal_->begin_snapshot()) return;
    RecordWriter state;
    TreeSnapshot tree{content_.tree(), content_.incarnations()};
    bool more = true;
    while (more) {
        more = tree.step(state, kSnapshotFrame);
        if (!journal_->add_to_snapshot(state.buffer())) return;
        state.buffer().clear();
    }
    write_state(state);
    if (!journal_->add_to_snapshot(state.buffer()) || !journal_->finish_snapshot()) return;
    journal_failed_ = false;
    log_.write(LogLevel::Info, "store: the journal takes writes again; nothing was lost");
}

// One step for each flush: a compaction is over before the journal has grown much further.
void Engine::compact() {
    if (!compaction_) {
        if (journal_->bytes() < kCompactAbove + 2 * journal_->snapshot_bytes() || !journal_->begin_snapshot()) return;
        RecordWriter state;
        write_state(state);
        compaction_ = std::make_unique<TreeSnapshot>(content_.tree(), content_.incarnations());
        if (!journal_->add_to_snapshot(state.buffer())) compaction_.reset();
        return;
    }
    RecordWriter nodes;
    const bool more = compaction_->step(nodes, kSnapshotFrame);
    const bool written = journal_->add_to_snapshot(nodes.buffer());
    if (written && more) return;
    compaction_.reset();
    if (written && journal_->finish_snapshot()) ++compactions_;
}

void Engine::write_state(RecordSink& sink) const {
    for (std::size_t i = 0; i < kQuotaCount; ++i) {
        const auto quota = static_cast<Quota>(i);
        sink.default_quota(quota, accounts_.defaults().get(quota));
        for (const auto& [domain, account] : accounts_.all()) {
            if (account.own_quotas) sink.domain_quota(domain, quota, account.own_quotas->get(quota));
        }
    }
    for (const auto& [name, permissions] : specials_) sink.special_permissions(name, permissions);
    for (const auto& [id, domain] : domains_) {
        sink.domain_introduced(id, domain.gfn, domain.port);
        domain.ring->write_snapshot(sink);
        if (const auto target = domain.ring->actor().target) sink.target_set(id, *target);
    }
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
