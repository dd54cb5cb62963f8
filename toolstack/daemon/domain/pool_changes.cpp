#include "domain/pool_changes.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.hpp"
#include "config/values.hpp"
#include "domain/remembering.hpp"
#include "domain/scheduling.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

constexpr const char* kFact = "cpu pools";

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
    context_.pools.load(context_.registry.fact(kFact));
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

// Where every domain that runs may run now.
Result<void> PoolChanges::apply() {
    TRY(apply_affinity(context_, hvctl::kDom0, context_.dom0));
    for (const Domain* domain : domains_.all()) {
        if (!domain->in_hv() || domain->half_there()) continue;
        TRY(apply_affinity(context_, domain->id(), domain->definition));
    }
    return {};
}

Result<void> PoolChanges::change(const std::function<Result<void>(CpuPools&)>& what) {
    TRY(require_registry(context_.registry));
    const CpuPools before = context_.pools;
    TRY(what(context_.pools));
    const auto applied = apply();
    if (!applied) {
        context_.pools = before;
        if (const auto undone = apply(); !undone) log::error("CPU pools: {}", undone.error().text());
        return applied;
    }
    (void)context_.registry.set_fact(kFact, context_.pools.text());
    return {};
}

Result<void> PoolChanges::create(const std::string& name, const std::string& cpus) {
    return change([&](CpuPools& pools) { return pools.create(name, cpus); });
}

Result<void> PoolChanges::destroy(const std::string& name) {
    return change([&](CpuPools& pools) { return pools.destroy(name); });
}

Result<void> PoolChanges::rename(const std::string& name, const std::string& new_name) {
    return change([&](CpuPools& pools) -> Result<void> {
        TRY(pools.rename(name, new_name));
        for (Domain* domain : domains_.all()) {
            if (domain->definition.pool != name) continue;
            domain->definition.pool = new_name;
            domain->record.definition = normalised(domain->definition);
            domains_.save(*domain);
        }
        return {};
    });
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
        TRY(apply_affinity(context_, domain->id(), moved));
    }
    domain->definition = std::move(moved);
    domain->record.definition = normalised(domain->definition);
    domains_.save(*domain);
    return {};
}

}  // namespace hvctld
