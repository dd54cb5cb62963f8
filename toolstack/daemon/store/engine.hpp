// The parts of the store put together: what every request goes through, and the order in which changes reach the
// journal first and clients afterwards.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "store/accounts.hpp"
#include "store/client.hpp"
#include "store/content.hpp"
#include "store/journal.hpp"
#include "store/log.hpp"
#include "store/record.hpp"
#include "store/snapshot.hpp"
#include "store/store.hpp"
#include "store/watch_index.hpp"

namespace hvctld::store {

class LocalClient;
class RingClient;

struct Domain {
    std::uint64_t gfn = 0;
    std::uint32_t port = 0;
    std::unique_ptr<RingClient> ring;
};

class Engine final : private ChangeSink {
  public:
    explicit Engine(StoreOptions options);
    ~Engine();
    std::expected<void, std::string> recover();

    // While a Step lives, changes gather. The outermost one ends by writing them to the journal as one frame, then
    // sends what is queued and runs callbacks, until nothing is left.
    class Step {
      public:
        explicit Step(Engine& engine) : engine_(engine) { ++engine_.depth_; }
        ~Step() {
            if (engine_.depth_ == 1) engine_.finish();
            engine_.flush();
            --engine_.depth_;
        }
        Step(const Step&) = delete;
        Step& operator=(const Step&) = delete;

      private:
        Engine& engine_;
    };

    Log& log() { return log_; }
    Accounts& accounts() { return accounts_; }
    const Accounts& accounts() const { return accounts_; }
    Content& content() { return content_; }
    const Content& content() const { return content_; }
    WatchIndex& watches() { return watches_; }
    LocalClient& local() { return *local_; }
    const StoreOptions& options() const { return options_; }
    RecordSink* records();  // nullptr: nothing is to be recorded
    bool recovering() const { return recovering_; }

    // To be called before anything changes that the journal knows of `ring`: a compaction that goes on saves the ring
    // first, as it was when the compaction began.
    void about_to_change(RingClient& ring);
    void about_to_remove(Watch& watch);     // in the same way
    void mark_new(RingClient& ring) const;  // a compaction that goes on has nothing to save of it
    void mark_new(Watch& watch) const { watch.saved_by = compaction_number_; }
    void mark_dirty(WireClient& client) { dirty_.push_back(&client); }
    void schedule(RingClient& ring);  // serve it again soon
    void call_later(std::function<void()> callback) { callbacks_.push_back(std::move(callback)); }
    void watch_age(const std::shared_ptr<Transaction>& transaction);
    void forget_client(WireClient& client);  // it is about to go

    // Domains (engine_domains.cpp).
    Result<void> introduce(DomainId domain, std::uint64_t gfn, std::uint32_t port, RingPort ring);
    Result<void> attach(DomainId domain, RingPort ring);
    Result<void> release(DomainId domain);
    void announce_release(DomainId domain);
    Result<void> set_target(DomainId domain, DomainId target);
    Domain* find_domain(DomainId domain);
    const std::map<DomainId, Domain>& domains() const { return domains_; }
    void ring_event(DomainId domain);
    bool run_pending();
    void retry_journal();

    // Special nodes: "@introduceDomain", "@releaseDomain" and "@releaseDomain/<domid>".
    Permissions special_permissions(const std::string& name) const;
    void set_special_permissions(const std::string& name, Permissions permissions);
    void notify_special(const std::string& name);

    void set_default_quotas(const Quotas& quotas);
    void set_quota(DomainId domain, Quota quota, std::uint32_t limit);

    StoreStatistics statistics() const;

  private:
    friend class Recovery;
    void record(const Effect& effect) override;
    void notify(const ChangeNotice& notice) override;
    void finish();
    void flush();
    void compact(std::size_t frame);
    bool begin_compaction();
    bool go_on_with_compaction(std::size_t step);
    bool save_rings(RecordWriter& writer);
    bool save_watches(RecordWriter& writer);
    void write_general_state(RecordSink& sink) const;  // everything but the nodes and what belongs to a ring
    void write_ring(RecordSink& sink, DomainId id, const Domain& domain) const;
    void doom_old_transactions();

    StoreOptions options_;
    Log log_;
    Accounts accounts_;
    Content content_;
    WatchIndex watches_;
    std::map<std::string, Permissions> specials_;
    std::unique_ptr<LocalClient> local_;
    std::map<DomainId, Domain> domains_;
    std::multimap<DomainId, DomainId> device_models_;  // by the domain that is their target

    unsigned depth_ = 0;
    bool recovering_ = false;
    std::vector<WireClient*> dirty_;
    std::deque<RingClient*> pending_;
    std::deque<std::function<void()>> callbacks_;
    struct Aging {
        Generation started;
        std::weak_ptr<Transaction> transaction;
    };
    std::deque<Aging> aging_;

    std::optional<Journal> journal_;
    RecordWriter writer_;
    struct Compaction {
        TreeSnapshot tree;
        std::optional<DomainId> last_ring;  // rings up to here are saved
        enum class Next : std::uint8_t { Rings, Watches, Nodes, Tail } next = Next::Rings;
    };
    std::optional<Compaction> compaction_;
    std::uint64_t compaction_number_ = 0;
    bool journal_failed_ = false;
    std::uint64_t flushes_since_failure_ = 0;
    std::uint64_t compactions_ = 0;
};

}  // namespace hvctld::store
