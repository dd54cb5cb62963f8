#include "domain/recovery.hpp"

#include <algorithm>
#include <set>

#include "base/log.hpp"
#include "devices/block/vbd.hpp"
#include "devices/network/vif.hpp"
#include "domain/scheduling.hpp"
#include "domain/store_entries.hpp"
#include "domain/uuid_text.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

constexpr const char* kBootFact = "boot";

// What hv's own options have pinned its vCPUs to: a list for each; none where all of them may run in all of its pool.
std::vector<config::CpuList> pins_of_dom0(const Context& context) {
    const auto host = context.hypervisor.host_info();
    const auto pool = context.pools.cpus_of(config::kFirstPool);
    if (!host || !pool) return {};
    std::vector<config::CpuList> lists;
    bool pinned = false;
    for (std::uint32_t vcpu = 0; vcpu < context.dom0.max_vcpus; ++vcpu) {
        const auto affinity = context.hypervisor.vcpu_affinity(hvctl::kDom0, VcpuId{vcpu}, host->cpus_online);
        if (!affinity) return {};
        config::CpuList list;
        for (std::uint32_t cpu = 0; cpu < host->cpus_online && cpu / 8 < affinity->hard.size(); ++cpu) {
            if ((affinity->hard[cpu / 8] >> cpu % 8 & 1) != 0) list.cpus.push_back(cpu);
        }
        const bool all_of_pool = list.cpus.size() == pool->size() || list.cpus.size() == host->cpus_online;
        pinned = pinned || (!list.cpus.empty() && !all_of_pool);
        list.all = list.cpus.empty() || all_of_pool;
        lists.push_back(std::move(list));
    }
    return pinned ? lists : std::vector<config::CpuList>{};
}

}  // namespace

Result<void> Recovery::run() {
    Registry& registry = context_.registry;
    const bool same_boot = registry.fact(kBootFact) == context_.paths.boot_id;
    TRY(host_store_.connect());
    parts_.pools.load();
    give_dom0_its_shares();
    load_domains(same_boot);
    parts_.renames.recover_files();
    (void)registry.set_fact(kBootFact, context_.paths.boot_id);
    match_domains(
        TRY(within("list domains", Result<std::vector<abi::DomainInfo>>{context_.hypervisor.list_domains()})));
    parts_.renames.recover_rest();
    recover_jobs(same_boot);
    clean_up_leftovers();
    return parts_.ends.listen();
}

// Whatever the settings have that this host has not: its guests are served all the same.
void Recovery::give_dom0_its_shares() {
    config::DomainDefinition& dom0 = context_.dom0;
    if (const auto info = context_.hypervisor.domain(hvctl::kDom0)) dom0.max_vcpus = info->max_vcpus;
    if (dom0.cpus.empty()) dom0.cpus = pins_of_dom0(context_);
    if (const auto given = apply_scheduling(context_, hvctl::kDom0, dom0); !given)
        log::error("{}", given.error().text());
}

void Recovery::load_domains(bool same_boot) {
    for (DomainRecord record : context_.registry.domains_at_opening()) {
        auto domain = std::make_unique<Domain>();
        config::Diagnostics diagnostics;
        domain->definition =
            config::parse_definition(record.definition, record.name, {}, context_.settings.defaults, diagnostics);
        if (diagnostics.failed()) log::error("{}: stored definition: {}", record.name, diagnostics.text());
        if (!same_boot) {
            // Domain identifiers and the monotonic clock mean nothing after a boot of the host.
            const bool was_there = record.phase != DomainPhase::Stopped;
            record.phase = DomainPhase::Stopped;
            record.instance = {};
            record.restarts = 0;
            record.window_us = record.run_since_us = 0;
            if (was_there) record.end_reason = EndReason::HostRestart;
            (void)context_.registry.save(record);
        }
        domain->record = std::move(record);
        parts_.domains.insert(std::move(domain));
    }
}

void Recovery::match_domains(const std::vector<abi::DomainInfo>& infos) {
    context_.claims.load(
        [&](std::uint16_t domid) { return std::ranges::count(infos, domid, &abi::DomainInfo::domain) != 0; });
    std::vector<const abi::DomainInfo*> unknown;
    std::set<const Domain*> there;
    const std::vector<Domain*> known = parts_.domains.all();
    for (const abi::DomainInfo& info : infos) {
        if (info.domain == 0) {
            const auto told =
                write_host_memory(context_.store, info.frames * hvctl::kPageSize, info.max_frames * hvctl::kPageSize);
            if (!told) log::error("{}", told.error().text());
            continue;
        }
        const std::string uuid = uuid_text(info.uuid);
        const auto owner = std::ranges::find_if(known, [&](const Domain* domain) {
            return domain->in_hv() && domain->record.instance.domid == info.domain && domain->record.uuid == uuid;
        });
        if (owner == known.end()) {
            unknown.push_back(&info);
        } else {
            there.insert(*owner);
            serve_again(**owner, info);
        }
    }
    match_others(unknown, there);
    for (const abi::DomainInfo* info : unknown) adopt_unknown(*info);
    forget_ghosts(infos);
}

// Domains that only the store's journal has: they ended while it, or the registry, could not be written.
void Recovery::forget_ghosts(const std::vector<abi::DomainInfo>& infos) {
    store::Store& store = context_.store;
    for (const store::IntroducedDomain& known : store.introduced_domains()) {
        const std::uint16_t domid = known.domain.raw;
        if (domid == 0 || std::ranges::count(infos, domid, &abi::DomainInfo::domain) != 0) continue;
        const auto uuid = store.read(domain_path(domid) + "/vm").value_or("");
        store.release_domain(known.domain);
        remove_domain_entries(store, domid, "");
        for (const std::string_view kind : {kVbd, kVif}) BusDevices::remove_backends(store, kind, domid);
        const bool another_has_it = std::ranges::any_of(parts_.domains.all(), [&](const Domain* domain) {
            return domain->in_hv() && "/vm/" + domain->record.uuid == uuid;
        });
        if (!another_has_it && uuid.starts_with("/vm/")) (void)store.remove(uuid);
    }
}

// Domains of the registry that hv does not have under their identifier; takes those that it has under another one from
// `unknown`.
void Recovery::match_others(std::vector<const abi::DomainInfo*>& unknown, const std::set<const Domain*>& there) {
    for (Domain* domain : parts_.domains.all()) {
        DomainRecord& record = domain->record;
        const auto has_uuid = [&](const abi::DomainInfo* info) {
            return uuid_text(info->uuid) == record.uuid && (info->flags & abi::kDomainUnstarted) != 0;
        };
        // Made just before the daemon was killed, so that its identifier was not noted. It has never run.
        if (record.phase == DomainPhase::Building && record.instance.domid == 0 &&
            std::ranges::count_if(unknown, has_uuid) == 1) {
            const auto found = std::ranges::find_if(unknown, has_uuid);
            record.instance.domid = (*found)->domain;
            unknown.erase(found);
        } else if (domain->in_hv() && !there.contains(domain)) {
            // Also a domain that a job had destroyed just before the daemon was killed; that job then goes on.
            log::warning("{}: has vanished while hvctld was away", record.name);
            // Under its number there may be another one by now.
            if (std::ranges::none_of(unknown, [&](const auto* info) { return info->domain == record.instance.domid; }))
                TearDown::unplug(*domain);
            // What was being ended has its reason, or its job will give it one.
            parts_.domains.stopped(*domain, record.phase == DomainPhase::Running ? EndReason::Gone : EndReason::None);
        } else if (record.phase == DomainPhase::Building && !domain->in_hv()) {
            parts_.domains.stopped(*domain, EndReason::None);
        }
    }
}

void Recovery::serve_again(Domain& domain, const abi::DomainInfo& info) {
    DomainRecord& record = domain.record;
    if ((info.flags & abi::kDomainDying) != 0) record.phase = DomainPhase::Ending;
    // What was never finished has never run; if it does run, somebody else has seen to it, and it is theirs.
    if (record.phase == DomainPhase::Building && (info.flags & abi::kDomainUnstarted) == 0)
        record.phase = DomainPhase::Running;
    if (record.phase != DomainPhase::Running) return;
    if (record.instance.store_mfn != 0) {  // or it is another toolstack's
        for (const auto& device : domain.devices) {
            const auto served = device->recover();
            if (served) continue;
            log::error("{}: cannot be served: {}", record.name, served.error().text());
            return;
        }
    }
    log::info("{}: domain {} goes on", record.name, info.domain);
}

// What no job goes on with: half-made and half-ended domains end, and drafts that came to nothing go.
void Recovery::clean_up_leftovers() {
    for (Domain* domain : parts_.domains.all()) {
        if (domain->job != 0) continue;
        if (domain->half_there()) {
            log::info("{}: ending what is left of domain {}", domain->record.name, domain->record.instance.domid);
            Job& job = parts_.work.begin(*domain, Verb::CleanUp, 0, false);
            parts_.tear_down.add_phases(job, *domain, EndReason::None, true);
            job.start();
        } else if (domain->record.phase == DomainPhase::Stopped) {
            parts_.definitions.let_go(*domain);
        } else if (domain->record.draft) {
            parts_.starts.started(*domain);
        }
    }
}

}  // namespace hvctld
