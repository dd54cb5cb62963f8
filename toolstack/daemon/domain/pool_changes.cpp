#include "domain/pool_changes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/log.hpp"
#include "config/values.hpp"
#include "domain/remembering.hpp"
#include "domain/scheduling.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

constexpr const char* kPoolsFact = "cpu pools";

}  // namespace

PoolChanges::PoolChanges(Context& context, Domains& domains, Work& work)
    : context_{context}, domains_{domains}, work_{work} {
    context_.pools.pool_of = [this](std::uint16_t domid) {
        for (const Domain* domain : domains_.all()) {
            if (domain->in_hv() && domain->id().raw == domid) return domain->definition.pool;
        }
        return std::string{config::kFirstPool};
    };
    context_.pools.members_of = [this](std::string_view pool) {
        return static_cast<std::size_t>(std::ranges::count_if(
            domains_.all(), [pool](const Domain* domain) { return domain->definition.pool == pool; }));
    };
}

void PoolChanges::load() {
    const auto host = context_.hypervisor.host_info();
    if (host) context_.pools.set_host(host->cpus_online);
    context_.pools.load(context_.registry.fact(kPoolsFact));
}

std::vector<PoolView> PoolChanges::list() {
    std::vector<PoolView> views;
    for (const std::string& name : context_.pools.names()) {
        PoolView view{name, "", 0, {}};
        if (const auto cpus = context_.pools.cpus_of(name)) {
            view.cpus = config::format_cpu_list({false, {cpus->begin(), cpus->end()}});
            view.count = static_cast<std::uint32_t>(cpus->size());
        }
        if (name == config::kFirstPool) view.domains.emplace_back(kDom0Name);
        for (const Domain* domain : domains_.all()) {
            if (domain->definition.pool == name) view.domains.push_back(domain->record.name);
        }
        views.push_back(std::move(view));
    }
    return views;
}

// What has been promised in each pool must be there afterwards, too.
Result<void> PoolChanges::check_reservations() {
    constexpr std::uint32_t kWhole = 100;  // percent
    std::map<std::string, std::uint32_t> reserved;
    for (const abi::DomainInfo& info :
         TRY(within("list domains", Result<std::vector<abi::DomainInfo>>{context_.hypervisor.list_domains()}))) {
        const auto parameters = context_.hypervisor.sched_parameters(DomainId{info.domain});
        if (parameters) reserved[context_.pools.pool_of(info.domain)] += parameters->reservation;
    }
    for (const auto& [pool, percent] : reserved) {
        const auto cpus = context_.pools.cpus_of(pool);
        if (!cpus || percent <= cpus->size() * kWhole) continue;
        return fail(ErrorId::NoCpu, fmt::format("pool {}: {}% of a CPU are reserved for its domains, and {} CPUs would "
                                                "be left; 'hvctl sched' shows for whom",
                                                pool, percent, cpus->size()));
    }
    return {};
}

// Where every domain that runs, or is about to, may run now. Another toolstack's are its own; one that has just gone
// needs nothing.
Result<void> PoolChanges::apply() {
    TRY(apply_affinity(context_, hvctl::kDom0, context_.dom0));
    for (const Domain* domain : domains_.all()) {
        const bool ours = !is_whole(domain->record.phase) || domain->record.instance.store_mfn != 0;
        if (!domain->in_hv() || is_ending(domain->record.phase) || !ours) continue;
        const auto applied = apply_affinity(context_, domain->id(), domain->definition);
        if (!applied && context_.hypervisor.domain(domain->id())) return applied;
    }
    return {};
}

void PoolChanges::apply_again() {
    for (Domain* domain : domains_.all()) {
        if (context_.pools.cpus_of(domain->definition.pool)) continue;
        log::warning("{}: its CPU pool {} is not there; it is in {}", domain->record.name, domain->definition.pool,
                     config::kFirstPool);
        domain->definition.pool = config::kFirstPool;
    }
    if (context_.registry.fact(kPoolsFact).empty()) return;
    if (const auto applied = apply(); !applied) log::error("CPU pools: {}", applied.error().text());
}

// Recorded before it is done: after a kill the next process of the daemon does the rest.
Result<void> PoolChanges::change(const std::function<Result<void>(CpuPools&)>& what) {
    TRY(require_registry(context_.registry));
    const CpuPools before = context_.pools;
    auto changed = what(context_.pools);
    if (changed) changed = check_reservations();
    if (!changed) {
        context_.pools = before;
        return changed;
    }
    (void)context_.registry.set_fact(kPoolsFact, context_.pools.text());
    const auto applied = apply();
    if (applied) return {};
    context_.pools = before;
    (void)context_.registry.set_fact(kPoolsFact, context_.pools.text());
    if (const auto undone = apply(); !undone) log::error("CPU pools: {}", undone.error().text());
    return applied;
}

Result<void> PoolChanges::create(const std::string& name, const std::string& cpus) {
    return change([&](CpuPools& pools) { return pools.create(name, cpus); });
}

Result<void> PoolChanges::destroy(const std::string& name) {
    return change([&](CpuPools& pools) { return pools.destroy(name); });
}

// The pools keep their CPUs. A domain on which a job works keeps the definition that the job began with.
Result<void> PoolChanges::rename(const std::string& name, const std::string& new_name) {
    TRY(require_registry(context_.registry));
    std::vector<Domain*> members;
    for (Domain* domain : domains_.all()) {
        if (domain->definition.pool != name) continue;
        TRY(work_.admit(*domain, Verb::Rename));
        members.push_back(domain);
    }
    TRY(context_.pools.rename(name, new_name));
    (void)context_.registry.set_fact(kPoolsFact, context_.pools.text());
    for (Domain* domain : members) {
        domain->definition.pool = new_name;
        domains_.save_definition(*domain);
    }
    return {};
}

Result<void> PoolChanges::add(const std::string& name, const std::string& cpus) {
    return change([&](CpuPools& pools) { return pools.add(name, cpus); });
}

Result<void> PoolChanges::remove(const std::string& name, const std::string& cpus) {
    return change([&](CpuPools& pools) { return pools.remove(name, cpus); });
}

Result<void> PoolChanges::move(const std::string& text, const std::string& pool) {
    Domain* domain = TRY(domains_.find(text));
    TRY(work_.admit(*domain, Verb::Tune));
    TRY(Work::require_whole(*domain));
    TRY(require_registry(context_.registry));
    config::DomainDefinition moved = domain->definition;
    moved.pool = pool;
    TRY(check_pool(context_, moved));
    if (domain->in_hv()) {
        TRY(check_reservation(context_, domain->id(), moved));
        TRY(change_affinity(context_, domain->id(), domain->definition, moved));
    }
    domain->definition = std::move(moved);
    domains_.save_definition(*domain);
    return {};
}

}  // namespace hvctld
