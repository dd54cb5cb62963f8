#include "domain/disk_changes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "config/devices.hpp"
#include "config/disk_target.hpp"
#include "domain/remembering.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

constexpr std::uint32_t kDeadlineSeconds = 90;  // longer than all that the phases wait for

// A phase whose step is known when it begins.
Phase later(JobPhase name, std::uint32_t percent, std::function<Step()> step) {
    return {name, percent, [step = std::move(step)](Job& job, const Done& done) { step()(job, done); }};
}

}  // namespace

Job& DiskChanges::begin(Domain& domain, Verb verb) {
    Job& job = work_.begin(domain, verb, kDeadlineSeconds, false);
    if (!domain.unwinding.empty()) job.add(Work::waiting_phase(domain));
    return job;
}

Result<JobId> DiskChanges::attach(const std::string& text, const std::string& disk_text) {
    Domain* domain = TRY(domains_.find_running(text));
    TRY(work_.admit(*domain, Verb::AttachDisk));
    TRY(work_.host_stays(Verb::AttachDisk));
    TRY(Work::require_whole(*domain));
    TRY(require_registry(context_.registry));
    config::Diagnostics diagnostics;
    const auto parsed = config::parse_disk(disk_text, "disk", {}, diagnostics);
    if (!parsed) return fail(ErrorId::DefinitionInvalid, diagnostics.text());

    const auto disk = std::make_shared<config::DiskDefinition>(*parsed);
    Job& job = begin(*domain, Verb::AttachDisk);
    job.add({JobPhase::PrepareDisk, 10, [this, domain, disk](Job& running, const Done& done) {
                 // Another disk may have come while this one waited.
                 if (const auto chosen = choose_target(*domain, *disk); !chosen) return done(chosen);
                 running.on_failure([domain, disk](Job& failed, const Done& undone) {
                     if (domain->in_hv()) return domain->disks->take_away(*disk)(failed, undone);
                     undone({});
                 });
                 domain->disks->prepare_one(*disk, true)(running, done);
             }});
    job.add(later(JobPhase::ConnectDisk, 40, [domain, disk] { return domain->disks->connect_one(*disk); }));
    job.add({JobPhase::WaitForDriver, 60, [this, domain, disk](Job& running, const Done& done) {
                 const auto can_answer = runs(*domain);
                 if (!can_answer || !*can_answer)
                     return done(can_answer ? Result<void>{} : std::unexpected(can_answer.error()));
                 domain->disks->wait_connected (*disk)(running, done);
             }});
    job.add(remember(*domain, [disk](auto& disks) { disks.push_back(*disk); }));
    domains_.changed(*domain);
    const JobId id = job.id();
    job.start();
    return id;
}

Result<JobId> DiskChanges::detach(const std::string& text, const std::string& target, bool force) {
    Domain* domain = TRY(domains_.find_running(text));
    TRY(work_.admit(*domain, Verb::DetachDisk));
    TRY(Work::require_whole(*domain));
    const auto& disks = domain->definition.disks;
    const auto found = std::ranges::find(disks, target, &config::DiskDefinition::target);
    if (found == disks.end()) {
        return fail(ErrorId::NoSuchDisk, fmt::format("{0} has no disk {1}; 'hvctl block-list {0}' shows what it has",
                                                     domain->record.name, target));
    }
    const auto disk = std::make_shared<config::DiskDefinition>(*found);
    Job& job = begin(*domain, Verb::DetachDisk);
    if (!force) job.add(later(JobPhase::AskForDisk, 20, [domain, disk] { return domain->disks->wait_closed(*disk); }));
    job.add(later(JobPhase::TakeDisk, 60, [domain, disk] { return domain->disks->take_away(*disk); }));
    job.add(remember(*domain, [disk](auto& left) {
        std::erase_if(left, [&](const config::DiskDefinition& one) { return one.target == disk->target; });
    }));
    domains_.changed(*domain);
    const JobId id = job.id();
    job.start();
    return id;
}

Result<void> DiskChanges::choose_target(const Domain& domain, config::DiskDefinition& disk) {
    const auto& disks = domain.definition.disks;
    if (disks.size() >= config::kMostDevices) {
        return fail(ErrorId::LimitReached, fmt::format("{} has {} disks; more than {} are not possible",
                                                       domain.record.name, disks.size(), config::kMostDevices));
    }
    const auto is_free = [&](const config::DiskTarget& wanted) {
        return std::ranges::none_of(disks, [&](const config::DiskDefinition& other) {
            const auto taken = config::parse_disk_target(other.target);
            return taken && taken->overlaps(wanted);
        });
    };
    if (!disk.target.empty()) {
        const auto wanted = config::parse_disk_target(disk.target);
        if (wanted && is_free(*wanted)) return {};
        return fail(ErrorId::TargetTaken, fmt::format("{0}: {1} is taken; 'hvctl block-list {0}' shows what it has",
                                                      domain.record.name, disk.target));
    }
    for (std::uint32_t number = 0; number < config::kXvdNames; ++number) {
        if (!is_free({"xvd", number, 0})) continue;
        disk.target = config::xvd_name(number);
        return {};
    }
    return fail(ErrorId::LimitReached, fmt::format("{}: no xvd is free", domain.record.name));
}

Result<bool> DiskChanges::runs(const Domain& domain) {
    constexpr std::uint32_t kNot = abi::kDomainPaused | abi::kDomainShutdown | abi::kDomainUnstarted;
    const auto info = TRY(within(domain.record.name, Result<abi::DomainInfo>{context_.hypervisor.domain(domain.id())}));
    return (info.flags & kNot) == 0;
}

Phase DiskChanges::remember(Domain& domain, std::function<void(std::vector<config::DiskDefinition>&)> change) {
    return {JobPhase::RememberDisks, 95,
            immediate([this, &domain, change = std::move(change)](Job& job) -> Result<void> {
                change(domain.definition.disks);
                domain.record.definition = normalised(domain.definition);
                domains_.save(domain);
                job.keep();
                return {};
            })};
}

Result<std::vector<DiskView>> DiskChanges::list(const std::string& text) {
    return TRY(domains_.find(text))->disks->list();
}

}  // namespace hvctld
