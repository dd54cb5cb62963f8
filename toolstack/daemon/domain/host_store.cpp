#include "domain/host_store.hpp"

#include "devices/store_ring.hpp"
#include "domain/store_entries.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

constexpr const char* kWhat = "the ring of Dom0's kernel";

}  // namespace

Result<void> HostStore::connect() {
    TRY(write_host_entries(context_.store));
    LocalStore local = TRY(within(kWhat, Result<LocalStore>{context_.hypervisor.open_local_store()}));
    port_ = TRY(serve_store_ring(context_, kWhat, {hvctl::kDom0, std::move(local.page), 0, local.port}, true));
    // Dom0's kernel takes the first event as the sign that a store is there.
    port_.notify();
    return {};
}

}  // namespace hvctld
