// Engine: domains coming and going, special nodes, quotas.
#include "store/engine.hpp"
#include "store/local_client.hpp"
#include "store/ring_client.hpp"

namespace hvctld::store {

namespace {

const std::string kIntroduce = "@introduceDomain";
const std::string kRelease = "@releaseDomain";

}  // namespace

Domain* Engine::find_domain(DomainId domain) {
    const auto found = domains_.find(domain);
    return found == domains_.end() ? nullptr : &found->second;
}

Result<void> Engine::introduce(DomainId domain, std::uint64_t gfn, std::uint32_t port, RingPort ring) {
    if (ring.page == nullptr) return std::unexpected{Error::BadArgument};
    const auto [entry, is_new] = domains_.try_emplace(domain);
    Domain& known = entry->second;
    // The ring that the journal tells of: introducing it anew after a restart must not lose what it holds.
    if (!is_new && !known.ring->attached() && known.gfn == gfn && known.port == port) {
        return attach(domain, std::move(ring));
    }
    if (is_new) {
        known.ring = std::make_unique<RingClient>(*this, domain);
        mark_new(*known.ring);
    }
    about_to_change(*known.ring);
    known.gfn = gfn;
    known.port = port;
    if (RecordSink* const sink = records()) sink->domain_introduced(domain, gfn, port);
    known.ring->connect(std::move(ring));
    if (is_new) notify_special(kIntroduce);
    return {};
}

Result<void> Engine::attach(DomainId domain, RingPort ring) {
    if (ring.page == nullptr) return std::unexpected{Error::BadArgument};
    Domain* const known = find_domain(domain);
    if (known == nullptr) return std::unexpected{Error::NotFound};
    if (known->ring->attached()) return std::unexpected{Error::Connected};
    about_to_change(*known->ring);
    known->ring->attach(std::move(ring));
    return {};
}

Result<void> Engine::release(DomainId domain) {
    if (domain == kDom0) return std::unexpected{Error::BadArgument};
    Domain* const known = find_domain(domain);
    if (known == nullptr) return std::unexpected{Error::NotFound};
    about_to_change(*known->ring);
    auto node = domains_.extract(domain);
    node.mapped().ring.reset();  // its watches and transactions end with it
    const auto [first, last] = device_models_.equal_range(domain);
    for (auto model = first; model != last; ++model) {
        Domain* const other = find_domain(model->second);
        if (other != nullptr && other->ring->actor().target == domain) other->ring->set_target(std::nullopt);
    }
    device_models_.erase(first, last);
    content_.release(domain);
    log_.forget(domain);
    specials_.erase(kRelease + '/' + std::to_string(domain.raw));
    if (RecordSink* const sink = records()) sink->domain_released(domain);
    announce_release(domain);
    return {};
}

void Engine::announce_release(DomainId domain) {
    if (recovering_) return;
    notify_special(kRelease);
    notify_special(kRelease + '/' + std::to_string(domain.raw));
}

Result<void> Engine::set_target(DomainId domain, DomainId target) {
    Domain* const known = find_domain(domain);
    // The snapshot may name a target before it introduces it.
    if (known == nullptr || (!recovering_ && find_domain(target) == nullptr)) return std::unexpected{Error::NotFound};
    // Acting as Dom0 is not for sale.
    if (target == kDom0) return std::unexpected{Error::NotPermitted};
    about_to_change(*known->ring);
    known->ring->set_target(target);
    device_models_.emplace(target, domain);
    if (RecordSink* const sink = records()) sink->target_set(domain, target);
    return {};
}

void Engine::ring_event(DomainId domain) {
    Domain* const known = find_domain(domain);
    if (known != nullptr && known->ring->serve()) schedule(*known->ring);
}

bool Engine::run_pending() {
    // Each ring that waits now gets one round; those that become due meanwhile wait for the next call.
    for (std::size_t left = pending_.size(); left > 0 && !pending_.empty(); --left) {
        RingClient* const ring = pending_.front();
        pending_.pop_front();
        ring->scheduled = false;
        const Step step{*this};
        if (ring->serve()) schedule(*ring);
    }
    return !pending_.empty();
}

Permissions Engine::special_permissions(const std::string& name) const {
    if (const auto found = specials_.find(name); found != specials_.end()) return found->second;
    const auto general = specials_.find(name.substr(0, name.find('/')));
    return general != specials_.end() ? general->second : Permissions{{kDom0, Access::None}};
}

void Engine::set_special_permissions(const std::string& name, Permissions permissions) {
    if (RecordSink* const sink = records()) sink->special_permissions(name, permissions);
    specials_[name] = std::move(permissions);
}

void Engine::notify_special(const std::string& name) {
    const Permissions permissions = special_permissions(name);
    const auto may_know = [&](const Actor& actor) {
        if (actor.privileged()) return true;
        for (std::size_t i = 1; i < permissions.size(); ++i) {
            if (permissions[i].domain == actor.domain) return allows(permissions[i].access, Access::Read);
        }
        return permissions.front().domain == actor.domain || allows(permissions.front().access, Access::Read);
    };
    watches_.visit(name, [&](Watch& watch) {
        if (may_know(watch.client->actor())) watch.client->deliver(watch, name, false);
    });
}

void Engine::set_default_quotas(const Quotas& quotas) {
    accounts_.set_defaults(quotas);
    RecordSink* const sink = records();
    for (std::size_t i = 0; sink != nullptr && i < kQuotaCount; ++i) {
        const auto quota = static_cast<Quota>(i);
        sink->default_quota(quota, quotas.get(quota));
    }
}

void Engine::set_quota(DomainId domain, Quota quota, std::uint32_t limit) {
    accounts_.set_quota(domain, quota, limit);
    if (RecordSink* const sink = records()) sink->domain_quota(domain, quota, limit);
}

}  // namespace hvctld::store
