// Engine: the journal, and making it shorter.
//
// A compaction goes on in small steps, one for each flush, so that no operation waits for all domains. What is written
// is the store as it was when the compaction began, then what the journal got since. The tree is frozen by keeping a
// reference. Rings and watches are not: whatever is about to change one that is not saved yet has it saved first
// (about_to_change()).
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "store/engine.hpp"
#include "store/ring_client.hpp"

namespace hvctld::store {

namespace {

constexpr std::size_t kStep = 8 * 1024;               // bytes written per step of a compaction
constexpr std::uint64_t kCompactAbove = 1024 * 1024;  // bytes beyond twice the last snapshot
constexpr std::uint64_t kRetryAfter = 4096;           // flushes between attempts after the journal was refused

void write_quotas(RecordSink& sink, DomainId domain, const Quotas& quotas) {
    for (std::size_t i = 0; i < kQuotaCount; ++i) {
        const auto quota = static_cast<Quota>(i);
        sink.domain_quota(domain, quota, quotas.get(quota));
    }
}

void write_watch(RecordSink& sink, const Watch& watch) {
    sink.watch_added(watch.client->actor().domain, watch.path, watch.token,
                     static_cast<std::uint32_t>(watch.relative_prefix));
}

}  // namespace

void Engine::flush() {
    if (!journal_) return;
    if (journal_failed_) {
        if (++flushes_since_failure_ % kRetryAfter == 0) retry_journal();
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
    const std::size_t frame = writer_.buffer().size();
    writer_.buffer().clear();
    if (!journal_failed_) compact(frame);
}

// The journal missed changes: only a snapshot of everything makes it whole again.
void Engine::retry_journal() {
    if (!journal_failed_ || !begin_compaction()) return;
    while (compaction_) {
        if (!go_on_with_compaction(kStep)) return;
    }
    journal_failed_ = false;
    log_.write(LogLevel::Info, "store: the journal takes writes again; nothing was lost");
}

// `frame`: bytes that the journal has just got.
void Engine::compact(std::size_t frame) {
    if (compaction_) {
        (void)go_on_with_compaction(kStep + 2 * frame);
    } else if (journal_->bytes() >= kCompactAbove + 2 * journal_->snapshot_bytes()) {
        (void)begin_compaction();
    }
}

bool Engine::begin_compaction() {
    if (!journal_->begin_snapshot()) return false;
    RecordWriter writer;
    write_general_state(writer);
    if (!journal_->add_to_snapshot(writer.buffer())) return false;
    compaction_.emplace(Compaction{TreeSnapshot{content_.tree(), content_.incarnations()}, {}});
    ++compaction_number_;
    return true;
}

// False: the file system refuses; the journal goes on as it is.
bool Engine::go_on_with_compaction(std::size_t step) {
    using Next = Compaction::Next;
    RecordWriter writer;
    if (compaction_->next == Next::Rings && !save_rings(writer)) {
        compaction_->next = Next::Watches;
        watches_.start_over();
    }
    if (compaction_->next == Next::Watches && !save_watches(writer)) compaction_->next = Next::Nodes;
    if (compaction_->next == Next::Nodes && !compaction_->tree.step(writer, kStep)) compaction_->next = Next::Tail;
    if (!journal_->add_to_snapshot(writer.buffer())) {
        compaction_.reset();
        return false;
    }
    if (compaction_->next != Next::Tail || journal_->catch_up(step)) return true;
    compaction_.reset();
    if (!journal_->finish_snapshot()) return false;
    ++compactions_;
    return true;
}

// False: all are saved.
bool Engine::save_rings(RecordWriter& writer) {
    while (writer.buffer().size() < kStep) {
        const auto next = compaction_->last_ring ? domains_.upper_bound(*compaction_->last_ring) : domains_.begin();
        if (next == domains_.end()) return false;
        const auto& [id, domain] = *next;
        if (domain.ring->saved_by != compaction_number_) write_ring(writer, id, domain);
        mark_new(*domain.ring);
        compaction_->last_ring = id;
    }
    return true;
}

// False: all are saved.
bool Engine::save_watches(RecordWriter& writer) {
    while (writer.buffer().size() < kStep) {
        Watch* const watch = watches_.next();
        if (watch == nullptr) return false;
        if (watch->client->recorded() && watch->saved_by != compaction_number_) write_watch(writer, *watch);
        mark_new(*watch);
    }
    return true;
}

void Engine::about_to_change(RingClient& ring) {
    if (ring.saved_by == compaction_number_ || !compaction_) return;
    mark_new(ring);
    const DomainId id = ring.actor().domain;
    const auto known = domains_.find(id);
    if (known == domains_.end()) return;
    RecordWriter writer;
    write_ring(writer, id, known->second);
    if (!journal_->add_to_snapshot(writer.buffer())) compaction_.reset();
}

void Engine::about_to_remove(Watch& watch) {
    if (watch.saved_by == compaction_number_ || !compaction_ || !watch.client->recorded()) return;
    mark_new(watch);
    RecordWriter writer;
    write_watch(writer, watch);
    if (!journal_->add_to_snapshot(writer.buffer())) compaction_.reset();
}

void Engine::mark_new(RingClient& ring) const {
    ring.saved_by = compaction_number_;
}

void Engine::write_general_state(RecordSink& sink) const {
    for (std::size_t i = 0; i < kQuotaCount; ++i) {
        const auto quota = static_cast<Quota>(i);
        sink.default_quota(quota, accounts_.defaults().get(quota));
    }
    for (const auto& [domain, quotas] : accounts_.own_quotas()) {
        if (!domains_.contains(domain)) write_quotas(sink, domain, quotas);
    }
    for (const auto& [name, permissions] : specials_) sink.special_permissions(name, permissions);
}

void Engine::write_ring(RecordSink& sink, DomainId id, const Domain& domain) const {
    const auto quotas = accounts_.own_quotas().find(id);
    if (quotas != accounts_.own_quotas().end()) write_quotas(sink, id, quotas->second);
    sink.domain_introduced(id, domain.gfn, domain.port);
    domain.ring->write_snapshot(sink);
    if (const auto target = domain.ring->actor().target) sink.target_set(id, *target);
}

}  // namespace hvctld::store
