#include "domain/manager.hpp"

#include "base/log.hpp"
#include "devices/guest_console.hpp"
#include "domain/autostart.hpp"
#include "hvctl/try.hpp"

namespace hvctld {

Manager::Manager(Loop& loop, Hypervisor& hypervisor, std::shared_ptr<BlockHost> blocks,
                 std::shared_ptr<NetworkHost> network, std::shared_ptr<StorageHost> storage, store::Store& store,
                 Registry& registry, config::Settings settings, ManagerPaths paths)
    : context_{loop,  hypervisor, std::move(blocks),   std::move(network), std::move(storage),
               store, registry,   std::move(settings), std::move(paths)} {
    context_.retry.on_trouble = [this](const std::string& trouble) {
        if (trouble.empty()) {
            log::info("the registry can be written again, and has everything");
        } else {
            log::error("{}", trouble);
        }
        if (on_registry_trouble) on_registry_trouble();
    };
    domains_.on_changed = [this](const DomainView& view) {
        if (on_domain_changed) on_domain_changed(view);
    };
    domains_.on_forgotten = [this](const std::string& name, const std::string& uuid) {
        if (on_domain_forgotten) on_domain_forgotten(name, uuid);
    };
    context_.nic_claims.each_defined = [this](const NicClaims::Visit& visit) {
        for (const Domain* domain : domains_.all()) {
            for (const config::NicDefinition& nic : domain->definition.nics) visit(domain->record.name, nic);
        }
    };
    tear_down_.on_last_look = [this](const Domain& domain) { metering_.last_of(domain); };
    work_.on_rest = [this](Domain& domain) { at_rest(domain); };
    work_.on_last_job = [this](Domain& domain, const JobRecord& job) { return ends_.goes_on(domain, job); };
}

Result<void> Manager::recover() {
    TRY(recovery_.run());
    volumes_.sweep();
    metering_.begin();
    disk_limiter_.begin();
    space_keeper_.begin();
    return {};
}

void Manager::at_rest(Domain& domain) {
    domains_.changed(domain);
    if (may_begin(domain.record.phase)) definitions_.let_go(domain);
    // The guest may have ended while the job held it.
    context_.loop.post([this, weak = std::weak_ptr{context_.alive}] {
        if (!weak.expired()) ends_.scan();
    });
}

void Manager::autostart(const std::string& folder) {
    hvctld::autostart(context_, domains_, definitions_, starts_, folder);
}

void Manager::open_console(const std::string& text, ConsoleMode mode, std::uint64_t history, const Opened& done) {
    const auto console = console_named(text);
    if (!console) return done(std::unexpected(console.error()));
    console->second->open(mode, history, [name = console->first, done](Result<UniqueFd> opened) {
        done(within(name, std::move(opened)));
    });
}

void Manager::open_console_log(const std::string& text, const Opened& done) {
    const auto console = console_named(text);
    if (!console) return done(std::unexpected(console.error()));
    console->second->open_log(
        [name = console->first, done](Result<UniqueFd> opened) { done(within(name, std::move(opened))); });
}

Result<std::pair<std::string, Console*>> Manager::console_named(const std::string& text) {
    Domain* domain = TRY(domains_.find(text));
    return std::pair{domain->record.name, TRY(console_of(context_, *domain))};
}

Result<void> Manager::health() {
    TRY(within("hv", Result<hvctl::HvVersion>{context_.hypervisor.version()}));
    return {};
}

std::string Manager::registry_trouble() const {
    const auto& trouble = context_.registry.trouble();
    return trouble ? trouble->message() : std::string{};
}

}  // namespace hvctld
