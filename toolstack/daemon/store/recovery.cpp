#include "store/recovery.hpp"

#include "store/engine.hpp"
#include "store/local_client.hpp"
#include "store/ring_client.hpp"

namespace hvctld::store {

RingClient* Recovery::ring(DomainId domain) {
    Domain* const known = engine_.find_domain(domain);
    check(known != nullptr);
    return known == nullptr ? nullptr : known->ring.get();
}

void Recovery::effect(const Effect& effect) {
    check(engine_.content().replay(effect));
}

void Recovery::special_permissions(const std::string& name, const Permissions& permissions) {
    engine_.set_special_permissions(name, permissions);
}

void Recovery::domain_introduced(DomainId domain, std::uint64_t gfn, std::uint32_t port) {
    Domain& known = engine_.domains_[domain];
    known.gfn = gfn;
    known.port = port;
    if (!known.ring) known.ring = std::make_unique<RingClient>(engine_, domain);
}

void Recovery::domain_released(DomainId domain) {
    check(engine_.release(domain).has_value());
}

void Recovery::target_set(DomainId domain, DomainId target) {
    check(engine_.set_target(domain, target).has_value());
}

void Recovery::default_quota(Quota quota, std::uint32_t limit) {
    Quotas quotas = engine_.accounts().defaults();
    quotas.set(quota, limit);
    engine_.accounts().set_defaults(quotas);
}

void Recovery::domain_quota(DomainId domain, Quota quota, std::uint32_t limit) {
    engine_.accounts().set_quota(domain, quota, limit);
}

void Recovery::watch_added(DomainId domain, const std::string& path, const std::string& token,
                           std::uint32_t relative_prefix) {
    RingClient* const client = ring(domain);
    if (client == nullptr) return;
    const ParsedPath parsed{path, relative_prefix, path.front() == '@'};
    check(client->add_watch(parsed, token).has_value());
}

void Recovery::watch_removed(DomainId domain, const std::string& path, const std::string& token) {
    if (RingClient* const client = ring(domain)) check(client->remove_watch(path, token).has_value());
}

void Recovery::transaction_started(DomainId domain, TransactionId id) {
    if (RingClient* const client = ring(domain)) client->restore_transaction(id);
}

void Recovery::transaction_ended(DomainId domain, TransactionId id) {
    if (RingClient* const client = ring(domain)) check(client->end_transaction(id, false).has_value());
}

void Recovery::transaction_counter(DomainId domain, TransactionId last) {
    if (RingClient* const client = ring(domain)) client->restore_transaction_counter(last);
}

void Recovery::client_reset(DomainId domain) {
    if (RingClient* const client = ring(domain)) client->forget_everything();
}

void Recovery::ring_positions(DomainId domain, std::uint32_t request_consumer, std::uint32_t response_producer) {
    if (RingClient* const client = ring(domain)) client->restore_positions(request_consumer, response_producer);
}

void Recovery::ring_input(DomainId domain, std::uint32_t request_consumer, const std::string& partial) {
    if (RingClient* const client = ring(domain)) client->restore_input(request_consumer, partial);
}

void Recovery::ring_output(DomainId domain, const OutputQueue::Message& message) {
    if (RingClient* const client = ring(domain)) client->restore_output(message);
}

void Recovery::ring_progress(DomainId domain, std::uint32_t response_producer) {
    if (RingClient* const client = ring(domain)) client->restore_progress(response_producer);
}

void Recovery::ring_broken(DomainId domain, RingError error) {
    if (RingClient* const client = ring(domain)) client->restore_broken(error);
}

}  // namespace hvctld::store
