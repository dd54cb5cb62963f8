#include "host/daemon.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/files.hpp"
#include "base/lock_file.hpp"
#include "base/log.hpp"
#include "devices/block/kernel_block_host.hpp"
#include "devices/network/filter_watch.hpp"
#include "devices/network/kernel_network_host.hpp"
#include "host/modules.hpp"
#include "host/service.hpp"
#include "host/settings_file.hpp"
#include "hvctl/try.hpp"
#include "registry/open.hpp"
#include "storage/kernel_storage_host.hpp"

namespace hvctld::host {
namespace {

constexpr std::uint64_t kRetryJournalMs = 5000;

void log_store_line(store::LogLevel level, std::string_view text) {
    constexpr log::Level kLevels[] = {log::Level::Debug, log::Level::Info, log::Level::Warning, log::Level::Error};
    log::write(kLevels[static_cast<std::size_t>(level)], {}, fmt::format("store: {}", text));
}

// Rings that used up their share of a round go on in the next one.
void go_on(Loop& loop, const std::shared_ptr<store::Store*>& store) {
    loop.post([&loop, store] {
        if (*store != nullptr && (*store)->run_pending()) go_on(loop, store);
    });
}

Result<std::unique_ptr<store::Store>> open_store(Loop& loop, const std::string& folder,
                                                 const config::Settings& settings,
                                                 const std::shared_ptr<store::Store*>& self) {
    store::StoreOptions options;
    options.journal_directory = folder;
    options.log = log_store_line;
    options.monotonic_ms = [&loop] { return loop.now_ms(); };
    options.wake = [&loop, self] { go_on(loop, self); };
    for (const auto& [name, limit] : settings.xenstore_quota) {
        if (const auto quota = store::quota_by_name(name)) options.default_quotas.set(*quota, limit);
    }
    auto store = store::Store::create(std::move(options));
    if (!store) return fail(ErrorId::Io, store.error());
    *self = store->get();
    return std::move(*store);
}

}  // namespace

Daemon::~Daemon() {
    *store_alive_ = nullptr;
}

Result<std::unique_ptr<Daemon>> Daemon::start(Loop& loop, Hypervisor& hypervisor, const DaemonPaths& paths) {
    TRY(make_folder(paths.run));
    // Before anything is looked at: two that serve the same guests would each take the other's for left over.
    UniqueFd lock = TRY(take_lock_of_the_living(paths.run + "/lock", [told = false](const std::string& reason) mutable {
        if (!std::exchange(told, true)) log::warning("{}", reason);
        notify_waiting(reason);
    }));
    const auto [settings, trouble] = TRY(settings_in_force(paths.settings, paths.run + "/hvctl.yaml"));
    log::set_level(settings.log_level);
    if (!trouble.empty()) log::error("{}", trouble);
    // On disks that may be full: what needs them says so when it is asked for.
    for (const std::string& folder : {paths.state, paths.console_logs, paths.kernel_cache}) {
        if (const auto made = make_folder(folder); !made) log::error("{}", made.error().text());
    }

    std::unique_ptr<Daemon> daemon{new Daemon};
    daemon->settings_trouble_ = trouble;
    daemon->lock_ = std::move(lock);
    daemon->store_ = TRY(open_store(loop, paths.run + "/store", settings, daemon->store_alive_));
    daemon->journal_ = std::make_unique<Timer>(loop);
    daemon->journal_->start(
        kRetryJournalMs, [&store = *daemon->store_] { store.retry_journal(); }, kRetryJournalMs);
    auto opened = open_registry(paths.state + "/state.db");
    if (!opened.warning.empty()) log::error("{}", opened.warning);
    daemon->registry_ = std::move(opened.registry);
    ManagerPaths manager_paths{{paths.console_logs, paths.run + "/console"},
                               boot_id(),
                               machine_id(),
                               paths.state + "/seeds",
                               paths.state + "/dumps",
                               paths.state + "/scratch",
                               paths.state + "/ledger.db",
                               paths.run + "/autostarted"};
    daemon->manager_ = std::make_unique<Manager>(
        loop, hypervisor, std::make_shared<KernelBlockHost>(),
        std::make_shared<KernelNetworkHost>(
            settings.networks.value_or(std::vector{config::usual_network(machine_id())}), paths.networks),
        std::make_shared<KernelStorageHost>(), *daemon->store_, *daemon->registry_, settings, std::move(manager_paths));
    // Before recovery puts all filters in place: none of them goes unnoticed.
    auto filters = FilterWatch::create(
        loop, [manager = daemon->manager_.get()](const std::string& name) { manager->restore_network(name); });
    if (filters) {
        daemon->filters_ = std::make_unique<FilterWatch>(std::move(*filters));
    } else {
        log::error("{}", filters.error().text());
    }
    TRY(daemon->manager_->recover());

    auto socket = store::SocketServer::create(loop.raw(), *daemon->store_, paths.store_socket);
    if (!socket) return fail(ErrorId::Io, socket.error());
    daemon->store_socket_ = std::move(*socket);
    daemon->object_ = std::make_unique<bus::ManagerObject>(*daemon->manager_);
    daemon->private_server_ = TRY(bus::PrivateServer::create(loop, *daemon->object_, paths.run + "/bus"));
    daemon->system_bus_ = std::make_unique<bus::SystemBus>(loop, *daemon->object_);
    return daemon;
}

}  // namespace hvctld::host
