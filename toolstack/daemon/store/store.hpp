// The store of hvctld: a xenstore server without threads, sockets or hypervisor calls of its own.
//
// Domains reach it over rings (attach with introduce_domain), Dom0's programs over a socket (SocketServer), and the
// daemon itself through the functions here, which act as Dom0. Everything runs on the caller's thread and returns
// without waiting. Every change is in the journal before a client can see its reply, so the process may be killed at
// any instruction: Store::create() on the same directory goes on where the last one stopped.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/error.hpp"
#include "store/permissions.hpp"
#include "store/quota.hpp"
#include "store/ring_page.hpp"
#include "store/statistics.hpp"
#include "store/types.hpp"

namespace hvctld::store {

class Engine;

struct StoreOptions {
    std::string journal_directory;  // on a tmpfs, e.g. /run/hvctl/store; created 0700; empty: nothing is kept
    Quotas default_quotas;          // for domains without their own
    LogSink log;                    // may be empty
    std::function<std::uint64_t()> monotonic_ms;  // for the rate limit of the log; may be empty (no limit)

    // XS_INTRODUCE from a Dom0 program (xl, xen-init-dom0): maps the ring in frame `gfn` of `domain`, event channel
    // `port`. Nothing returned means that it cannot be mapped. Empty: such requests are refused.
    std::function<std::optional<RingPort>(DomainId domain, std::uint64_t gfn, std::uint32_t port)> map_ring;

    // Something is left to do although no ring or client will say so (a ring used up its share of this round):
    // call Store::run_pending() from the event loop soon. Empty: run_pending() must be called after each event.
    std::function<void()> wake;
};

// A domain that the store knows. After a restart the daemon maps each one's ring again and calls attach_ring().
struct IntroducedDomain {
    DomainId domain;
    std::uint64_t gfn = 0;
    std::uint32_t port = 0;
    bool attached = false;
};

// What a watch callback is told: the path that changed and the token given to watch().
using WatchCallback = std::function<void(const std::string& path, const std::string& token)>;
using WatchHandle = std::uint64_t;

class Store final {
  public:
    // Reads the journal, if there is one. The text of the error names the file and what to do.
    static std::expected<std::unique_ptr<Store>, std::string> create(StoreOptions options);
    ~Store();
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;

    // Nodes, as Dom0. Paths are absolute; `transaction` comes from start_transaction().
    Result<std::string> read(std::string_view path, TransactionId transaction = kNoTransaction);
    Result<void> write(std::string_view path, std::string_view value, TransactionId transaction = kNoTransaction);
    Result<void> mkdir(std::string_view path, TransactionId transaction = kNoTransaction);
    Result<void> remove(std::string_view path, TransactionId transaction = kNoTransaction);  // with all below it
    Result<std::vector<std::string>> list(std::string_view path, TransactionId transaction = kNoTransaction);
    Result<Permissions> permissions(std::string_view path, TransactionId transaction = kNoTransaction);
    Result<void> set_permissions(std::string_view path, const Permissions& permissions,
                                 TransactionId transaction = kNoTransaction);
    bool exists(std::string_view path, TransactionId transaction = kNoTransaction);

    // Error::Again from commit: another client changed what this transaction read; nothing was written, start anew.
    TransactionId start_transaction();
    Result<void> commit(TransactionId transaction);
    void abort(TransactionId transaction);

    // The callback runs once at once and then after each change at or below `path`, or after the special events
    // "@introduceDomain", "@releaseDomain" and "@releaseDomain/<domid>". Callbacks run after the operation that caused
    // them is complete and may use the store. These watches end with the process. 0: the path is not valid.
    WatchHandle watch(std::string_view path, std::string_view token, WatchCallback callback);
    void unwatch(WatchHandle handle);

    // Domains. Introducing announces the domain (@introduceDomain) and serves its ring; introducing it again with a new
    // port replaces the ring. Also for Dom0's own kernel (kDom0).
    Result<void> introduce_domain(DomainId domain, std::uint64_t gfn, std::uint32_t port, RingPort ring);
    Result<void> attach_ring(DomainId domain, RingPort ring);  // after a restart; Error::NotFound: introduce it
    void release_domain(DomainId domain);               // gone for good: its watches, transactions and permissions end
    void domain_stopped(DomainId domain);               // shut down or crashed, not gone: @releaseDomain is told
    void set_target(DomainId domain, DomainId target);  // `domain` may do what `target` may (device model)
    bool is_introduced(DomainId domain) const;
    std::vector<IntroducedDomain> introduced_domains() const;

    // A domain's event channel fired.
    void ring_event(DomainId domain);
    // Goes on with rings that used up their share of a round. True: call it again.
    bool run_pending();
    // To be called now and then: a journal that its file system refused is tried again. Until that succeeds, a restart
    // loses what has changed since.
    void retry_journal();

    // Quotas. Without a domain: of all domains that have no quotas of their own.
    void set_default_quotas(const Quotas& quotas);
    void set_quota(DomainId domain, Quota quota, std::uint32_t limit);
    Quotas quotas(DomainId domain) const;

    void for_each_domain(const std::function<void(const DomainStatistics&)>& visit) const;
    std::optional<DomainStatistics> statistics(DomainId domain) const;
    StoreStatistics statistics() const;

    Engine& engine() { return *engine_; }  // for SocketServer

  private:
    explicit Store(std::unique_ptr<Engine> engine);
    std::unique_ptr<Engine> engine_;
};

}  // namespace hvctld::store
