// Taking up after a restart of the daemon or of the host: the registry says what was, hv says what is.
#include <fmt/format.h>

#include <algorithm>

#include "base/log.hpp"
#include "domain/manager.hpp"
#include "domain/store_entries.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

constexpr const char* kBootFact = "boot";
constexpr std::uint32_t kMostAttempts = 2;  // a job that took the daemon down twice is not tried again

std::string uuid_text(const std::uint8_t (&bytes)[16]) {
    return fmt::format(
        "{:02x}{:02x}{:02x}{:02x}-{:02x}{:02x}-{:02x}{:02x}-{:02x}{:02x}-{:02x}{:02x}{:02x}{:02x}{:02x}{:02x}",
        bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7], bytes[8], bytes[9], bytes[10],
        bytes[11], bytes[12], bytes[13], bytes[14], bytes[15]);
}

}  // namespace

Result<void> Manager::recover() {
    const bool same_boot = TRY(registry_.fact(kBootFact)) == paths_.boot_id;
    TRY(write_host_entries(store_));
    TRY(connect_host_store());

    for (DomainRecord& record : TRY(registry_.domains())) {
        auto domain = std::make_unique<Domain>();
        config::Diagnostics diagnostics;
        domain->definition =
            config::parse_definition(record.definition, record.name, {}, settings_.defaults, diagnostics);
        if (diagnostics.failed()) log::error("{}: stored definition: {}", record.name, diagnostics.text());
        // Domain identifiers mean nothing after a boot of the host.
        if (!same_boot && record.phase != DomainPhase::Stopped) {
            record.phase = DomainPhase::Stopped;
            record.instance = {};
            record.end_reason = "host-restart";
            TRY(registry_.save(record));
        }
        const std::string name = record.name;
        domain->record = std::move(record);
        domains_[name] = std::move(domain);
    }
    TRY(registry_.set_fact(kBootFact, paths_.boot_id));

    const auto infos = TRY(within("list domains", Result<std::vector<abi::DomainInfo>>{hypervisor_.list_domains()}));
    for (const abi::DomainInfo& info : infos) {
        if (info.domain == 0) {
            TRY(write_host_memory(store_, info.frames * hvctl::kPageSize, info.max_frames * hvctl::kPageSize));
            continue;
        }
        const std::string uuid = uuid_text(info.uuid);
        const auto owner =
            std::ranges::find_if(domains_, [&](const auto& entry) { return entry.second->record.uuid == uuid; });
        if (owner == domains_.end()) {
            TRY(adopt_unknown(info));
            continue;
        }
        const DomainRecord& record = owner->second->record;
        const bool expected = record.instance.domid == info.domain ||
                              (record.phase == DomainPhase::Building && record.instance.domid == 0);
        if (expected) {
            recover_domain(*owner->second, &info);
        } else {
            remove_leftover(info.domain, record.uuid);
        }
    }
    for (const auto& [name, domain] : domains_) {
        if (domain->in_hv() &&
            std::ranges::find(infos, domain->record.instance.domid, &abi::DomainInfo::domain) == infos.end())
            recover_domain(*domain, nullptr);
        else if (domain->record.phase == DomainPhase::Building && !domain->in_hv())
            stopped(*domain, "");
    }
    for (const JobRecord& job : TRY(registry_.jobs())) {
        if (job.state == JobState::Queued || job.state == JobState::Running) recover_job(job);
    }
    for (auto entry = domains_.begin(); entry != domains_.end();) {
        const auto& [name, domain] = *entry++;
        if (domain->record.ephemeral && domain->record.phase == DomainPhase::Stopped && domain->job == 0)
            drop(std::string{name});
    }
    auto exceptions = events_.bind_domain_exception([this] { scan_for_ended(); });
    if (!exceptions) return std::unexpected(Error{exceptions.error()}.within("VIRQ_DOM_EXC"));
    exceptions_ = std::move(*exceptions);
    return {};
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

void Manager::recover_domain(Domain& domain, const abi::DomainInfo* info) {
    DomainRecord& record = domain.record;
    if (info == nullptr) {
        // Also a domain that a job had destroyed just before the daemon was killed; that job then goes on.
        log::warning("{}: has vanished while hvctld was away", record.name);
        disconnect(domain);
        stopped(domain, "gone");
        return;
    }
    const bool ours = record.phase == DomainPhase::Running && record.instance.domid == info->domain;
    if (ours && (info->flags & abi::kDomainDying) == 0) {
        if (const auto adopted = adopt(domain); adopted) {
            log::info("{}: domain {} goes on", record.name, info->domain);
        } else {
            log::error("{}: cannot be served: {}", record.name, adopted.error().text());
        }
        return;
    }
    record.instance.domid = info->domain;
    disconnect(domain);
    remove_leftover(info->domain, record.uuid);
    stopped(domain, "");
}

// Half-built or half-destroyed: what is left of it goes.
void Manager::remove_leftover(std::uint16_t domid, const std::string& uuid) {
    log::info("removing what is left of domain {} ({})", domid, uuid);
    if (store_.is_introduced({domid})) store_.release_domain({domid});
    remove_domain_entries(store_, domid, "");
    constexpr int kRounds = 50;
    for (int round = 0; round < kRounds; ++round) {
        const auto destroyed = hypervisor_.destroy_domain(DomainId{domid});
        if (destroyed || destroyed.error().code() != hvctl::ErrorCode::TryAgain) return;
    }
    log::warning("domain {} cannot be freed: somebody still holds frames of it", domid);
}

Result<void> Manager::adopt(Domain& domain) {
    const Instance& instance = domain.record.instance;
    if (instance.store_mfn == 0) return {};  // another toolstack's
    TRY(connect_store(domain, true));
    Console* console = TRY(console_of(domain));
    return console->attach(domain.id(), Mfn{instance.console_mfn}, EventPort{instance.console_port}, true);
}

// A domain that the registry does not know can at least be seen and destroyed.
Result<void> Manager::adopt_unknown(const abi::DomainInfo& info) {
    if ((info.flags & abi::kDomainDying) != 0) return {};
    auto domain = std::make_unique<Domain>();
    domain->definition.name = fmt::format("unknown-{}", info.domain);
    domain->definition.uuid = uuid_text(info.uuid);
    domain->definition.memory = info.frames * hvctl::kPageSize;
    domain->definition.max_memory = info.max_frames * hvctl::kPageSize;
    domain->definition.vcpus = domain->definition.max_vcpus = info.max_vcpus;
    domain->definition.on_reboot = domain->definition.on_crash = config::EndAction::Preserve;
    domain->definition.on_poweroff = config::EndAction::Preserve;
    domain->record.name = domain->definition.name;
    domain->record.uuid = domain->definition.uuid;
    domain->record.definition = normalised(domain->definition);
    domain->record.source = "found in hv";
    domain->record.ephemeral = true;
    domain->record.phase = DomainPhase::Running;
    domain->record.instance.domid = info.domain;
    log::warning("domain {} is not in the registry; it is listed as {}", info.domain, domain->record.name);
    TRY(registry_.save(domain->record));
    domains_[domain->record.name] = std::move(domain);
    return {};
}

void Manager::recover_job(JobRecord record) {
    if (stops_all(record) && record.attempts < kMostAttempts) return resume_stop_all(std::move(record));
    const auto found = domains_.find(record.domain);
    Domain* domain = found != domains_.end() ? found->second.get() : nullptr;
    const bool running = domain != nullptr && domain->record.phase == DomainPhase::Running;
    const auto info = running ? hypervisor_.domain(domain->id())
                              : hvctl::Result<abi::DomainInfo>{hvctl::fail(hvctl::ErrorCode::NotFound, "")};
    const bool has_ended = info && (info->flags & abi::kDomainShutdown) != 0;
    const bool starts = record.verb == "create" || record.verb == "restart" || record.verb == "reboot";
    const std::string phase = record.phase;
    const bool paused = record.start_paused;
    if (domain == nullptr || domain->job != 0 || record.attempts >= kMostAttempts) {
        record.state = JobState::Failed;
        record.ended_us = realtime_us();
        record.error = static_cast<std::uint16_t>(ErrorId::Interrupted);
        record.message = fmt::format("{} of {} was interrupted by a restart of hvctld in phase \"{}\"", record.verb,
                                     record.domain, phase);
        (void)registry_.save(record);
        return;
    }
    const std::string verb = record.verb;
    Job& job = jobs_.resume(std::move(record), job_finished(domain->record.name));
    domain->job = job.id();
    if (running && (verb == "shutdown" || verb == "reboot") && !has_ended && phase.starts_with("wait")) {
        add_ask_phases(job, *domain, verb == "reboot" ? "reboot" : "poweroff", false);
    } else if (running && (verb == "shutdown" || verb == "reboot") && !has_ended &&
               (phase.empty() || phase == "ask the guest")) {
        add_ask_phases(job, *domain, verb == "reboot" ? "reboot" : "poweroff", true);
    } else if (running && has_ended && verb != "create" && verb != "destroy") {
        add_end_phases(job, *domain, static_cast<EndReason>(std::min(info->shutdown_reason, 5u)), verb != "restart");
    } else if (running && starts) {
        // It runs already; only the last word may be missing.
        if (!paused && info && (info->flags & abi::kDomainUnstarted) != 0) {
            job.add({"start", 98, immediate([this, domain](Job&) {
                         return Result<void>{hypervisor_.unpause_domain(domain->id())};
                     })});
        }
    } else if (starts && (verb == "create" || domain->record.wanted)) {
        add_start_phases(job, *domain, paused, false);
    } else if (running) {
        add_stop_phases(job, *domain);
        job.add({"end", 90, immediate([this, domain](Job&) -> Result<void> {
                     stopped(*domain, std::string{domain->record.end_reason});
                     return {};
                 })});
    }
    job.start();
}

}  // namespace hvctld
