#include "store/store.hpp"

#include <limits>

#include "hvctl/try.hpp"
#include "store/engine.hpp"
#include "store/local_client.hpp"
#include "store/ring_client.hpp"

namespace hvctld::store {

namespace {

Result<std::string> node_path(std::string_view text) {
    return TRY(parse_path(text, kDom0, SpecialPaths::Refused)).absolute;
}

// Error::NotFound: there is no such transaction.
Result<Scope> local_scope(Engine& engine, TransactionId id) {
    Scope scope{engine.local().actor()};
    if (id == kNoTransaction) return scope;
    scope.transaction = engine.local().find_transaction(id);
    if (scope.transaction == nullptr) return std::unexpected{Error::NotFound};
    return scope;
}

}  // namespace

Store::Store(std::unique_ptr<Engine> engine) : engine_(std::move(engine)) {}
Store::~Store() = default;

std::expected<std::unique_ptr<Store>, std::string> Store::create(StoreOptions options) {
    auto engine = std::make_unique<Engine>(std::move(options));
    TRY(engine->recover());
    return std::unique_ptr<Store>{new Store{std::move(engine)}};
}

Result<std::string> Store::read(std::string_view path, TransactionId transaction) {
    const Scope scope = TRY(local_scope(*engine_, transaction));
    const std::string absolute = TRY(node_path(path));
    return TRY(engine_->content().fetch(scope, absolute, Access::Read, Looked::Value))->value;
}

Result<void> Store::write(std::string_view path, std::string_view value, TransactionId transaction) {
    const Engine::Step step{*engine_};
    const Scope scope = TRY(local_scope(*engine_, transaction));
    return engine_->content().write(scope, TRY(node_path(path)), std::string{value});
}

Result<void> Store::mkdir(std::string_view path, TransactionId transaction) {
    const Engine::Step step{*engine_};
    const Scope scope = TRY(local_scope(*engine_, transaction));
    return engine_->content().mkdir(scope, TRY(node_path(path)));
}

Result<void> Store::remove(std::string_view path, TransactionId transaction) {
    const Engine::Step step{*engine_};
    const Scope scope = TRY(local_scope(*engine_, transaction));
    return engine_->content().remove(scope, TRY(node_path(path)));
}

Result<std::vector<std::string>> Store::list(std::string_view path, TransactionId transaction) {
    const Scope scope = TRY(local_scope(*engine_, transaction));
    const std::string absolute = TRY(node_path(path));
    const Node* const node = TRY(engine_->content().fetch(scope, absolute, Access::Read, Looked::Children));
    std::vector<std::string> names;
    names.reserve(node->children.size());
    node->children.visit_from(0, [&](const std::string& name, const Node&) {
        names.push_back(name);
        return true;
    });
    return names;
}

Result<Permissions> Store::permissions(std::string_view path, TransactionId transaction) {
    const Scope scope = TRY(local_scope(*engine_, transaction));
    return engine_->content().permissions(scope, TRY(node_path(path)));
}

Result<void> Store::set_permissions(std::string_view path, const Permissions& permissions, TransactionId transaction) {
    const Engine::Step step{*engine_};
    const Scope scope = TRY(local_scope(*engine_, transaction));
    const ParsedPath parsed = TRY(parse_path(path, kDom0, SpecialPaths::Allowed));
    if (!parsed.special) return engine_->content().set_permissions(scope, parsed.absolute, permissions);
    if (permissions.empty()) return std::unexpected{Error::BadArgument};
    engine_->set_special_permissions(parsed.absolute, permissions);
    return {};
}

bool Store::exists(std::string_view path, TransactionId transaction) {
    const auto scope = local_scope(*engine_, transaction);
    const auto absolute = node_path(path);
    return scope && absolute &&
           engine_->content().fetch(*scope, *absolute, Access::Read, Looked::Existence).has_value();
}

// Cannot fail: Dom0 has no quota.
TransactionId Store::start_transaction() {
    return *engine_->local().start_transaction();
}

Result<void> Store::commit(TransactionId transaction) {
    const Engine::Step step{*engine_};
    return engine_->local().end_transaction(transaction, true);
}

void Store::abort(TransactionId transaction) {
    (void)engine_->local().end_transaction(transaction, false);
}

WatchHandle Store::watch(std::string_view path, std::string_view token, WatchCallback callback) {
    const Engine::Step step{*engine_};
    return engine_->local().watch(path, token, std::move(callback)).value_or(0);
}

void Store::unwatch(WatchHandle handle) {
    engine_->local().unwatch(handle);
}

Result<void> Store::introduce_domain(DomainId domain, std::uint64_t gfn, std::uint32_t port, RingPort ring) {
    const Engine::Step step{*engine_};
    return engine_->introduce(domain, gfn, port, std::move(ring));
}

Result<void> Store::attach_ring(DomainId domain, RingPort ring) {
    const Engine::Step step{*engine_};
    return engine_->attach(domain, std::move(ring));
}

void Store::release_domain(DomainId domain) {
    const Engine::Step step{*engine_};
    (void)engine_->release(domain);
}

void Store::domain_stopped(DomainId domain) {
    const Engine::Step step{*engine_};
    engine_->announce_release(domain);
}

void Store::set_target(DomainId domain, DomainId target) {
    const Engine::Step step{*engine_};
    (void)engine_->set_target(domain, target);
}

bool Store::is_introduced(DomainId domain) const {
    return engine_->domains().contains(domain);
}

std::vector<IntroducedDomain> Store::introduced_domains() const {
    std::vector<IntroducedDomain> result;
    for (const auto& [id, domain] : engine_->domains()) {
        result.push_back({id, domain.gfn, domain.port, domain.ring->attached()});
    }
    return result;
}

void Store::ring_event(DomainId domain) {
    const Engine::Step step{*engine_};
    engine_->ring_event(domain);
}

bool Store::run_pending() {
    return engine_->run_pending();
}

void Store::retry_journal() {
    const Engine::Step step{*engine_};
    engine_->retry_journal();
}

void Store::set_default_quotas(const Quotas& quotas) {
    const Engine::Step step{*engine_};
    engine_->set_default_quotas(quotas);
}

void Store::set_quota(DomainId domain, Quota quota, std::uint32_t limit) {
    const Engine::Step step{*engine_};
    engine_->set_quota(domain, quota, limit);
}

Quotas Store::quotas(DomainId domain) const {
    return engine_->accounts().quotas(domain);
}

std::optional<DomainStatistics> Store::statistics(DomainId domain) const {
    const Account* const account = engine_->accounts().find(domain);
    const auto known = engine_->domains().find(domain);
    if (account == nullptr && known == engine_->domains().end()) return std::nullopt;
    DomainStatistics result;
    result.domain = domain;
    result.quotas = engine_->accounts().quotas(domain);
    if (known != engine_->domains().end()) {
        result.ring = known->second.ring->state();
        result.outstanding_bytes = known->second.ring->output().bytes();
    }
    if (account != nullptr) {
        result.nodes = static_cast<std::uint32_t>(
            std::min<std::int64_t>(account->nodes, std::numeric_limits<std::uint32_t>::max()));
        result.memory = engine_->accounts().memory(domain);
        result.watches = account->watches;
        result.transactions = account->transactions;
        result.requests = account->requests;
        result.events = account->events;
        result.conflicts = account->conflicts;
        result.refusals = account->refusals;
    }
    return result;
}

void Store::for_each_domain(const std::function<void(const DomainStatistics&)>& visit) const {
    for (const auto& [id, domain] : engine_->domains()) {
        if (const auto found = statistics(id)) visit(*found);
    }
}

StoreStatistics Store::statistics() const {
    return engine_->statistics();
}

}  // namespace hvctld::store
