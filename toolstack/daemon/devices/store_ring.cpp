#include "devices/store_ring.hpp"

#include <fmt/format.h>

#include "domain/store_entries.hpp"
#include "hvctl/try.hpp"

namespace hvctld {

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
    store::Store& store = context_.store;
    const Instance& instance = domain_.record.instance;
    const store::DomainId id{instance.domid};
    const auto context = domain_.record.name + ": store ring";
    SharedPage page =
        TRY(within(context, Result<SharedPage>{context_.hypervisor.map_page(domain_.id(), Mfn{instance.store_mfn})}));
    port_ = TRY(within(context, Result<BoundPort>{context_.events.bind(domain_.id(), EventPort{instance.store_port},
                                                                       [&store, id] { store.ring_event(id); })}));
    store::RingPort ring{reinterpret_cast<store::RingPage*>(page.data),
                         [&hypervisor = context_.hypervisor, port = port_.port()] { (void)hypervisor.notify(port); },
                         std::move(page.keep_alive)};
    const auto done = introduced && store.is_introduced(id)
                          ? store.attach_ring(id, std::move(ring))
                          : store.introduce_domain(id, instance.store_mfn, instance.store_port, std::move(ring));
    if (!done) return fail(ErrorId::Internal, fmt::format("{}: {}", context, store::wire_name(done.error())));
    for (const auto& [name, limit] : domain_.definition.xenstore_quota) {
        if (const auto quota = store::quota_by_name(name)) store.set_quota(id, *quota, limit);
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
