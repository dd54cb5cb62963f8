#include "domain/recovery.hpp"

#include <algorithm>
#include <set>

#include "base/log.hpp"
#include "devices/block/vbd.hpp"
#include "devices/cloud_init/seed_files.hpp"
#include "devices/network/vif.hpp"
#include "domain/scheduling.hpp"
#include "domain/store_entries.hpp"
#include "domain/uuid_text.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

constexpr const char* kBootFact = "boot";
// Definitions have what vcpu-pin has said: not yet where an older hvctld was.
constexpr const char* kPinsFact = "pins";
constexpr const char* kPinsAreKept = "remembered";

}  // namespace

Result<void> Recovery::run() {
    Registry& registry = context_.registry;
    const bool same_boot = registry.fact(kBootFact) == context_.paths.boot_id;
    TRY(host_store_.connect());
    parts_.pools.load();
    load_domains(same_boot);
    parts_.renames.recover_files();
    (void)registry.set_fact(kBootFact, context_.paths.boot_id);
    match_domains(
        TRY(within("list domains", Result<std::vector<abi::DomainInfo>>{context_.hypervisor.list_domains()})));
    parts_.renames.recover_rest();
    give_dom0_its_shares(same_boot);
    parts_.pools.apply_again();
    (void)registry.set_fact(kPinsFact, kPinsAreKept);
    recover_jobs(same_boot);
    clean_up_leftovers();
    sweep_seeds_of_the_gone();
    return parts_.ends.listen();
}

// Once per boot of the host as its settings say, on top of what hv's options have pinned; what an administrator changes
// afterwards lasts as long as hv does. Whatever the settings have that this host has not: its guests are served all the
// same.
void Recovery::give_dom0_its_shares(bool same_boot) {
    config::DomainDefinition& dom0 = context_.dom0;
    if (const auto info = context_.hypervisor.domain(hvctl::kDom0)) dom0.max_vcpus = info->max_vcpus;
    const config::DomainDefinition settings = dom0;
    take_from_hv(context_, hvctl::kDom0, dom0);
    if (same_boot) return;
    const std::vector<config::CpuList> pins = settings.cpus.empty() ? dom0.cpus : settings.cpus;
    dom0 = settings;
    dom0.cpus = pins;
    dom0.cpu_reservation = std::min(dom0.cpu_reservation, dom0.max_vcpus * 100);
    if (const auto fits = check_reservation(context_, hvctl::kDom0, dom0); !fits) {
        log::error("{}; it gets none", fits.error().text());
        dom0.cpu_reservation = 0;
    }
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
            const bool was_there = may_be_in_hv(record.phase);
            if (was_there) record.phase = DomainPhase::Stopped;
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
    context_.nic_hooks.load();
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
        if (owner != known.end()) {
            there.insert(*owner);
            serve_again(**owner, info);
            continue;
        }
        const auto giver =
            std::ranges::find_if(known, [&](const Domain* domain) { return KeptRuns::is_run_of(*domain, info); });
        if (giver == known.end()) {
            unknown.push_back(&info);
        } else {
            there.insert(&parts_.kept_runs.give_away(**giver, end_reason(info)));
        }
    }
    match_others(unknown, there);
    for (Domain* domain : parts_.domains.all())
        if (KeptRuns::is_kept(*domain)) parts_.kept_runs.serve(*domain);
    for (const abi::DomainInfo* info : unknown) adopt_unknown(*info);
    forget_ghosts(infos);
    // A guest that runs on without being known keeps what it has.
    context_.nic_hooks.sweep([&](std::uint16_t domid) { return undescribed_.contains(domid); });
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
        if (is_being_made(record.phase) && record.instance.domid == 0 &&
            std::ranges::count_if(unknown, has_uuid) == 1) {
            const auto found = std::ranges::find_if(unknown, has_uuid);
            record.instance.domid = (*found)->domain;
            unknown.erase(found);
        } else if (domain->in_hv() && !there.contains(domain)) {
            // Also a domain that a job had destroyed just before the daemon was killed; that job then goes on.
            log::warning("{}: has vanished while hvctld was away", record.name);
            // Under its number there may be another one by now.
            const std::uint16_t domid = record.instance.domid;
            if (std::ranges::none_of(unknown, [&](const auto* info) { return info->domain == domid; }) &&
                std::ranges::none_of(there, [&](const Domain* other) { return other->record.instance.domid == domid; }))
                TearDown::unplug(*domain);
            // What was being ended has its reason, or its job will give it one.
            parts_.domains.stopped(*domain, runs(record.phase) ? EndReason::Gone : EndReason::None);
        } else if (is_being_made(record.phase) && !domain->in_hv()) {
            parts_.domains.stopped(*domain, EndReason::None);
        }
    }
}

void Recovery::serve_again(Domain& domain, const abi::DomainInfo& info) {
    DomainRecord& record = domain.record;
    if ((info.flags & abi::kDomainDying) != 0) {
        // The registry does not know of its end, so that nothing says that another run is to follow.
        if (runs(record.phase)) record.wanted = false;
        record.phase = DomainPhase::Ending;
    }
    // The daemon lets no half-made domain run. One that does run was started by another program, and is left to run.
    if (is_being_made(record.phase) && (info.flags & abi::kDomainUnstarted) == 0) record.phase = DomainPhase::Running;
    if (!is_whole(record.phase)) return;
    if (context_.registry.fact(kPinsFact) != kPinsAreKept) take_from_hv(context_, domain.id(), domain.definition);
    if (record.instance.store_mfn != 0) {  // or it is another toolstack's
        for (const auto& device : domain.devices) {
            // Each as far as it can be: a disk that is lost takes nothing from the console or from the claims.
            if (const auto served = device->recover(); !served)
                log::error("{}: cannot be served: {}", record.name, served.error().text());
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
        } else if (may_begin(domain->record.phase)) {
            parts_.definitions.let_go(*domain);
        } else if (domain->record.draft) {
            parts_.starts.started(*domain);
        }
    }
}

// They may have keys in them, and the previous process may not have come to removing them.
void Recovery::sweep_seeds_of_the_gone() {
    std::set<std::string> there;
    for (const Domain* domain : parts_.domains.all())
        if (domain->in_hv() || domain->job != 0) there.insert(domain->record.uuid);
    context_.seeds.run_apart(
        context_.loop,
        [folder = context_.paths.seeds, there]() -> Result<void> {
            sweep_seeds(folder, there);
            return {};
        },
        [](const Result<void>&) {});
}

}  // namespace hvctld
