// How many store operations a second, with 1, 100, 1000 and 10000 domains present. The claim to look at: a row of the
// table does not fall as the number of domains grows.
//
//   store_bench [JOURNAL_FOLDER]      one line for each operation and number of domains: name domains ops_per_second
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "store/store.hpp"

namespace {

using namespace hvctld::store;

constexpr std::chrono::milliseconds kMeasureFor{300};

// Domains with what a toolstack gives a small guest, each with a watch of its own.
struct Host {
    std::unique_ptr<Store> store;
    std::vector<std::unique_ptr<RingPage>> pages;
    WatchHandle last_watch = 0;
};

std::string home(std::size_t domain) {
    return "/local/domain/" + std::to_string(domain);
}

void add_domain(Host& host, std::size_t number) {
    const DomainId id{static_cast<std::uint16_t>(number)};
    host.pages.push_back(std::make_unique<RingPage>());
    (void)host.store->introduce_domain(id, number, 1, {host.pages.back().get(), [] {}, nullptr});
    for (const char* key : {"/name", "/memory/target", "/device/vbd/51712/state", "/device/vif/0/state",
                            "/console/ring-ref", "/control/shutdown"}) {
        (void)host.store->write(home(number) + key, "1");
    }
    (void)host.store->set_permissions(home(number), {{id, Access::None}});
    host.last_watch = host.store->watch(home(number) + "/device", "bench", [](auto&, auto&) {});
}

template <class Operation>
void measure(const char* name, std::size_t domains, Operation operation) {
    using Clock = std::chrono::steady_clock;
    const auto start = Clock::now();
    std::size_t count = 0;
    auto now = start;
    while (now - start < kMeasureFor) {
        for (int i = 0; i < 64; ++i) operation(count++);
        now = Clock::now();
    }
    const double seconds = std::chrono::duration<double>(now - start).count();
    std::printf("%-24s %6zu %12.0f\n", name, domains, static_cast<double>(count) / seconds);
}

void measure_all(const std::string& journal, std::size_t domains) {
    Host host;
    StoreOptions options;
    options.journal_directory = journal.empty() ? "" : journal + "/" + std::to_string(domains);
    auto created = Store::create(std::move(options));
    if (!created) {
        std::fprintf(stderr, "%s\n", created.error().c_str());
        return;
    }
    host.store = *std::move(created);
    Store& store = *host.store;
    for (std::size_t i = 1; i <= domains; ++i) add_domain(host, i);
    while (store.run_pending()) {
    }
    // Eight domains, so that the table shows what the store does and not how large the CPU's caches are.
    const auto some = [&](std::size_t count) { return home(count % 8 * 7919 % domains + 1); };

    measure("read", domains, [&](std::size_t i) { (void)store.read(some(i) + "/name"); });
    measure("write", domains, [&](std::size_t i) { (void)store.write(some(i) + "/memory/target", "2"); });
    measure("write_watched", domains, [&](std::size_t i) { (void)store.write(some(i) + "/device/vif/0/state", "4"); });
    measure("create_remove", domains, [&](std::size_t i) {
        (void)store.write(some(i) + "/data/new", "");
        (void)store.remove(some(i) + "/data");
    });
    measure("transaction", domains, [&](std::size_t i) {
        const TransactionId id = store.start_transaction();
        (void)store.read(some(i) + "/name", id);
        (void)store.write(some(i) + "/device/vbd/51712/state", "4", id);
        (void)store.commit(id);
    });
    measure("domain_comes_and_goes", domains, [&](std::size_t) {
        add_domain(host, domains + 1);
        store.unwatch(host.last_watch);
        (void)store.remove(home(domains + 1));
        store.release_domain(DomainId{static_cast<std::uint16_t>(domains + 1)});
        host.pages.pop_back();
    });
}

}  // namespace

int main(int count, char** arguments) {
    std::printf("%-24s %6s %12s\n", "operation", "doms", "per_second");
    for (const std::size_t domains : {1u, 100u, 1000u, 10'000u}) measure_all(count > 1 ? arguments[1] : "", domains);
    return 0;
}
