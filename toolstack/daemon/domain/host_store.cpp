#include "domain/host_store.hpp"

#include <fmt/format.h>

#include "domain/store_entries.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

constexpr const char* kWhat = "the ring of Dom0's kernel";

}  // namespace

Result<void> HostStore::connect() {
    store::Store& store = context_.store;
    TRY(write_host_entries(store));
    LocalStore local = TRY(within(kWhat, Result<LocalStore>{context_.hypervisor.open_local_store()}));
    port_ = TRY(within(kWhat, Result<BoundPort>{context_.events.bind(hvctl::kDom0, local.port,
                                                                     [&store] { store.ring_event(store::kDom0); })}));
    store::RingPort ring{reinterpret_cast<store::RingPage*>(local.page.data),
                         [&hypervisor = context_.hypervisor, port = port_.port()] { (void)hypervisor.notify(port); },
                         std::move(local.page.keep_alive)};
    const auto done = store.is_introduced(store::kDom0)
                          ? store.attach_ring(store::kDom0, std::move(ring))
                          : store.introduce_domain(store::kDom0, 0, local.port.raw, std::move(ring));
    if (!done) return fail(ErrorId::Internal, fmt::format("{}: {}", kWhat, store::wire_name(done.error())));
    // Dom0's kernel takes the first event as the sign that a store is there.
    port_.notify();
    return {};
}

}  // namespace hvctld
