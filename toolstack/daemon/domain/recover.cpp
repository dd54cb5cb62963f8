// Taking up after a restart of the daemon or of the host: the registry says what was, hv says what is. A domain is
// destroyed only if the registry has this very domain as half-made or as one whose end has begun, and by a job.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/log.hpp"
#include "domain/manager.hpp"
#include "domain/store_entries.hpp"
#include "domain/uuid_text.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

constexpr const char* kBootFact = "boot";

}  // namespace

Result<void> Manager::recover() {
    const bool same_boot = registry_.fact(kBootFact) == paths_.boot_id;
    TRY(write_host_entries(store_));
    TRY(connect_host_store());
    TRY(load_domains(same_boot));
    (void)registry_.set_fact(kBootFact, paths_.boot_id);
    match_domains(TRY(within("list domains", Result<std::vector<abi::DomainInfo>>{hypervisor_.list_domains()})));
    recover_jobs(same_boot);
    clean_up_leftovers();
    auto exceptions = events_.bind_domain_exception([this] { scan_for_ended(); });
    if (!exceptions) return std::unexpected(Error{exceptions.error()}.within("VIRQ_DOM_EXC"));
    exceptions_ = std::move(*exceptions);
    return {};
}

Result<void> Manager::load_domains(bool same_boot) {
    for (DomainRecord& record : TRY(registry_.domains())) {
        auto domain = std::make_unique<Domain>();
        config::Diagnostics diagnostics;
        domain->definition =
            config::parse_definition(record.definition, record.name, {}, settings_.defaults, diagnostics);
        if (diagnostics.failed()) log::error("{}: stored definition: {}", record.name, diagnostics.text());
        if (!same_boot) {
            // Domain identifiers and the monotonic clock mean nothing after a boot of the host.
            const bool was_there = record.phase != DomainPhase::Stopped;
            record.phase = DomainPhase::Stopped;
            record.instance = {};
            record.restarts = 0;
            record.window_us = record.run_since_us = 0;
            if (was_there) record.end_reason = "host-restart";
            (void)registry_.save(record);
        }
        const std::string name = record.name;
        domain->record = std::move(record);
        domains_[name] = std::move(domain);
    }
    return {};
}

void Manager::match_domains(const std::vector<abi::DomainInfo>& infos) {
    std::vector<const abi::DomainInfo*> unknown;
    std::set<const Domain*> there;
    for (const abi::DomainInfo& info : infos) {
        if (info.domain == 0) {
            const auto told =
                write_host_memory(store_, info.frames * hvctl::kPageSize, info.max_frames * hvctl::kPageSize);
            if (!told) log::error("{}", told.error().text());
            continue;
        }
        const std::string uuid = uuid_text(info.uuid);
        const auto owner = std::ranges::find_if(domains_, [&](const auto& entry) {
            return entry.second->in_hv() && entry.second->record.instance.domid == info.domain &&
                   entry.second->record.uuid == uuid;
        });
        if (owner == domains_.end()) {
            unknown.push_back(&info);
        } else {
            there.insert(owner->second.get());
            serve_again(*owner->second, info);
        }
    }
    for (auto& [name, domain] : domains_) {
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
        } else if (domain->in_hv() && !there.contains(domain.get())) {
            // Also a domain that a job had destroyed just before the daemon was killed; that job then goes on.
            log::warning("{}: has vanished while hvctld was away", name);
            disconnect(*domain);
            stopped(*domain, "gone");
        } else if (record.phase == DomainPhase::Building && !domain->in_hv()) {
            stopped(*domain, "");
        }
    }
    for (const abi::DomainInfo* info : unknown) adopt_unknown(*info);
    forget_ghosts(infos);
}

// Domains that only the store's journal has: they ended while it, or the registry, could not be written.
void Manager::forget_ghosts(const std::vector<abi::DomainInfo>& infos) {
    for (const store::IntroducedDomain& known : store_.introduced_domains()) {
        const std::uint16_t domid = known.domain.raw;
        if (domid == 0 || std::ranges::count(infos, domid, &abi::DomainInfo::domain) != 0) continue;
        const auto uuid = store_.read(domain_path(domid) + "/vm").value_or("");
        store_.release_domain(known.domain);
        remove_domain_entries(store_, domid, "");
        const bool another_has_it = std::ranges::any_of(domains_, [&](const auto& entry) {
            return entry.second->in_hv() && "/vm/" + entry.second->record.uuid == uuid;
        });
        if (!another_has_it && uuid.starts_with("/vm/")) (void)store_.remove(uuid);
    }
}

Result<void> Manager::connect_host_store() {
    LocalStore local = TRY(within("the ring of Dom0's kernel", Result<LocalStore>{hypervisor_.open_local_store()}));
    host_store_ = TRY(
        within("the ring of Dom0's kernel",
               Result<BoundPort>{events_.bind(hvctl::kDom0, local.port, [this] { store_.ring_event(store::kDom0); })}));
    const EventPort port = host_store_.port();
    store::RingPort ring{reinterpret_cast<store::RingPage*>(local.page.data),
                         [this, port] { (void)hypervisor_.notify(port); }, std::move(local.page.keep_alive)};
    const auto done = store_.is_introduced(store::kDom0)
                          ? store_.attach_ring(store::kDom0, std::move(ring))
                          : store_.introduce_domain(store::kDom0, 0, local.port.raw, std::move(ring));
    if (!done)
        return fail(ErrorId::Internal, fmt::format("the ring of Dom0's kernel: {}", store::wire_name(done.error())));
    // Dom0's kernel takes the first event as the sign that a store is there.
    host_store_.notify();
    return {};
}

void Manager::serve_again(Domain& domain, const abi::DomainInfo& info) {
    DomainRecord& record = domain.record;
    if ((info.flags & abi::kDomainDying) != 0) record.phase = DomainPhase::Ending;
    // What was never finished has never run; if it does run, somebody else has seen to it, and it is theirs.
    if (record.phase == DomainPhase::Building && (info.flags & abi::kDomainUnstarted) == 0)
        record.phase = DomainPhase::Running;
    if (record.phase != DomainPhase::Running) return;
    if (const auto adopted = adopt(domain); adopted) {
        log::info("{}: domain {} goes on", record.name, info.domain);
    } else {
        log::error("{}: cannot be served: {}", record.name, adopted.error().text());
    }
}

Result<void> Manager::adopt(Domain& domain) {
    const Instance& instance = domain.record.instance;
    if (instance.store_mfn == 0) return {};  // another toolstack's
    // It began while the store's journal could not be written.
    if (!store_.exists(domain_path(instance.domid))) TRY(write_domain_entries(store_, domain.definition, instance));
    TRY(connect_store(domain, true));
    if (instance.console_mfn == 0) return {};
    Console* console = TRY(console_of(domain));
    return console->attach(domain.id(), Mfn{instance.console_mfn}, EventPort{instance.console_port}, true);
}

// What no job goes on with: half-made and half-ended domains end, and drafts that came to nothing go.
void Manager::clean_up_leftovers() {
    std::vector<Domain*> idle;
    for (const auto& [name, domain] : domains_) {
        if (domain->job == 0) idle.push_back(domain.get());
    }
    for (Domain* domain : idle) {
        if (domain->half_there()) {
            log::info("{}: ending what is left of domain {}", domain->record.name, domain->record.instance.domid);
            Job& job = begin_job(*domain, "clean up", 0, false);
            add_stop_phases(job, *domain, "", true);
            job.start();
        } else if (domain->record.phase == DomainPhase::Stopped) {
            let_go(*domain);
        } else if (domain->record.draft) {
            started(*domain);
        }
    }
}

}  // namespace hvctld
