#include "devices/store_ring.hpp"

#include <fmt/format.h>

#include "domain/store_entries.hpp"
#include "hvctl/try.hpp"

namespace hvctld {

Result<BoundPort> serve_store_ring(Context& context, const std::string& what, StoreRingEnd end, bool introduced) {
    store::Store& store = context.store;
    const store::DomainId id{end.domain.raw};
    BoundPort port = TRY(within(
        what, Result<BoundPort>{context.events.bind(end.domain, end.port, [&store, id] { store.ring_event(id); })}));
    store::RingPort ring{reinterpret_cast<store::RingPage*>(end.page.data),
                         [&hypervisor = context.hypervisor, bound = port.port()] { (void)hypervisor.notify(bound); },
                         std::move(end.page.keep_alive)};
    const auto done = introduced && store.is_introduced(id)
                          ? store.attach_ring(id, std::move(ring))
                          : store.introduce_domain(id, end.frame, end.port.raw, std::move(ring));
    if (!done) return fail(ErrorId::Internal, fmt::format("{}: {}", what, store::wire_name(done.error())));
    return port;
}

Step StoreRing::prepare(bool) {
    return immediate([](Job&) { return Result<void>{}; });
}

Phase StoreRing::publish() {
    return {JobPhase::IntroduceToStore, 92, immediate([this](Job&) -> Result<void> {
                TRY(write_domain_entries(context_.store, domain_.definition, domain_.record.instance));
                return connect(false);
            })};
}

Result<void> StoreRing::connect(bool introduced) {
    const Instance& instance = domain_.record.instance;
    const auto what = domain_.record.name + ": store ring";
    SharedPage page =
        TRY(within(what, Result<SharedPage>{context_.hypervisor.map_page(domain_.id(), Mfn{instance.store_mfn})}));
    port_ = TRY(serve_store_ring(context_, what,
                                 {domain_.id(), std::move(page), instance.store_mfn, EventPort{instance.store_port}},
                                 introduced));
    for (const auto& [name, limit] : domain_.definition.xenstore_quota) {
        if (const auto quota = store::quota_by_name(name))
            context_.store.set_quota(store::DomainId{instance.domid}, *quota, limit);
    }
    return {};
}

void StoreRing::unplug() {
    const std::uint16_t domid = domain_.record.instance.domid;
    if (domid == 0) return;
    const store::DomainId id{domid};
    if (context_.store.is_introduced(id)) context_.store.release_domain(id);
    port_ = {};
    remove_domain_entries(context_.store, domid, domain_.record.uuid);
}

Result<void> StoreRing::recover() {
    // The guest began while the store's journal could not be written.
    const Instance& instance = domain_.record.instance;
    if (!context_.store.exists(domain_path(instance.domid)))
        TRY(write_domain_entries(context_.store, domain_.definition, instance));
    return connect(true);
}

}  // namespace hvctld
