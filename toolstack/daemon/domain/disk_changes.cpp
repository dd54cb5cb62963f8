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

// A phase whose step is known when it begins.
Phase later(JobPhase name, std::uint32_t percent, std::function<Step()> step) {
    return {name, percent, [step = std::move(step)](Job& job, const Done& done) { step()(job, done); }};
}

}  // namespace

Result<JobId> DiskChanges::attach(const std::string& text, const std::string& disk_text) {
    Domain* domain = TRY(domains_.find_running(text));
    TRY(work_.admit(*domain, Verb::AttachDisk));
    TRY(work_.host_stays(Verb::AttachDisk));
    TRY(Work::require_whole(*domain));
    TRY(require_registry(context_.registry));
    config::Diagnostics diagnostics;
    const auto parsed = config::parse_disk(disk_text, "disk", context_.settings.defaults.volumes, diagnostics);
    if (!parsed) return fail(ErrorId::DefinitionInvalid, diagnostics.text());

    const auto disk = std::make_shared<config::DiskDefinition>(*parsed);
    Job& job = work_.begin_change(*domain, Verb::AttachDisk);
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
                 const auto can_answer = work_.can_answer(*domain);
                 if (!can_answer || !*can_answer)
                     return done(can_answer ? Result<void>{} : std::unexpected(can_answer.error()));
                 const Step wait = domain->disks->wait_connected(*disk);
                 wait(running, done);
             }});
    job.add({JobPhase::RememberDisks, 90, [this, domain, disk](Job& running, const Done& done) {
                 domain->definition.disks.push_back(*disk);
                 domains_.save_definition(*domain);
                 running.on_failure([this, domain, disk](Job&, const Done& undone) {
                     forget(*domain, *disk);
                     undone({});
                 });
                 remembered(context_, false)(running, done);
             }});
    job.add({JobPhase::RememberDisks, 99, immediate([domain, disk](Job& running) -> Result<void> {
                 domain->disks->settle(*disk);
                 running.keep();
                 return {};
             })});
    return work_.go(*domain, job);
}

Result<JobId> DiskChanges::detach(const std::string& text, const std::string& target, bool force) {
    Domain* domain = TRY(domains_.find(text));
    TRY(work_.admit(*domain, Verb::DetachDisk));
    TRY(Work::require_whole(*domain));
    const auto disk = std::make_shared<config::DiskDefinition>(*TRY(find(*domain, target)));
    Job& job = work_.begin_change(*domain, Verb::DetachDisk);
    if (!domain->in_hv()) {
        job.add({JobPhase::RememberDisks, 50, [this, domain, disk](Job& running, const Done& done) {
                     forget(*domain, *disk);
                     running.on_failure([this, domain, disk](Job&, const Done& undone) {
                         domain->definition.disks.push_back(*disk);
                         domains_.save_definition(*domain);
                         undone({});
                     });
                     remembered(context_, false)(running, done);
                 }});
        return work_.go(*domain, job);
    }
    if (!force) {
        job.add({JobPhase::AskForDisk, 20, [domain, disk](Job& running, const Done& done) {
                     running.on_failure([domain, disk](Job&, const Done& undone) {
                         if (domain->in_hv()) domain->disks->keep_open(*disk);
                         undone({});
                     });
                     const Step wait = domain->disks->wait_closed(*disk);
                     wait(running, done);
                 }});
    }
    // What has been taken stays so; a kill does not change that, and neither does a registry that cannot be written.
    job.add({JobPhase::TakeDisk, 60, [this, domain, disk](Job& running, const Done& done) {
                 running.keep();
                 running.shield();
                 const Step take = domain->disks->take_away(*disk);
                 take(running, [this, domain, disk, &running, done](const auto& taken) {
                     running.unshield();
                     forget(*domain, *disk);
                     done(taken);
                 });
             }});
    return work_.go(*domain, job);
}

Result<JobId> DiskChanges::resize(const std::string& text, const std::string& target, std::uint64_t bytes) {
    constexpr std::uint64_t kSector = 512;
    constexpr std::uint64_t kMost = std::uint64_t{1} << 60;
    Domain* domain = TRY(domains_.find_running(text));
    TRY(work_.admit(*domain, Verb::ResizeDisk));
    TRY(Work::require_whole(*domain));
    const auto disk = std::make_shared<config::DiskDefinition>(*TRY(find(*domain, target)));
    if (bytes == 0 || bytes > kMost || bytes % kSector != 0) {
        return fail(ErrorId::InvalidArgument, fmt::format("{}: {} bytes are no size of a disk: whole sectors of {}",
                                                          domain->record.name, bytes, kSector));
    }
    Job& job = work_.begin_change(*domain, Verb::ResizeDisk);
    job.add(later(JobPhase::ResizeDisk, 20, [domain, disk, bytes] { return domain->disks->grow_one(*disk, bytes); }));
    return work_.go(*domain, job);
}

Result<const config::DiskDefinition*> DiskChanges::find(const Domain& domain, const std::string& target) {
    const auto& disks = domain.definition.disks;
    const auto found = std::ranges::find(disks, target, &config::DiskDefinition::target);
    if (found != disks.end()) return &*found;
    return fail(ErrorId::NoSuchDisk, fmt::format("{0} has no disk {1}; 'hvctl block-list {0}' shows what it has",
                                                 domain.record.name, target));
}

Result<void> DiskChanges::choose_target(const Domain& domain, config::DiskDefinition& disk) {
    const auto& disks = domain.definition.disks;
    if (disks.size() >= config::kMostDevices) {
        return fail(ErrorId::LimitReached, fmt::format("{} has {} disks; more than {} are not possible",
                                                       domain.record.name, disks.size(), config::kMostDevices));
    }
    const auto is_free = [&](const config::DiskTarget& wanted, const std::string& name) {
        return std::ranges::none_of(disks,
                                    [&](const config::DiskDefinition& other) {
                                        const auto taken = config::parse_disk_target(other.target);
                                        return taken && taken->overlaps(wanted);
                                    }) &&
               !domain.disks->has(name);
    };
    if (!disk.target.empty()) {
        const auto wanted = config::parse_disk_target(disk.target);
        if (wanted && is_free(*wanted, disk.target)) return {};
        return fail(ErrorId::TargetTaken, fmt::format("{0}: {1} is taken; 'hvctl block-list {0}' shows what it has",
                                                      domain.record.name, disk.target));
    }
    for (std::uint32_t number = 0; number < config::kXvdNames; ++number) {
        const std::string name = config::xvd_name(number);
        // Linux calls sda and hda xvda, too.
        const bool is_named = std::ranges::any_of(disks, [&](const config::DiskDefinition& other) {
            const auto taken = config::parse_disk_target(other.target);
            return taken && taken->disk == number;
        });
        if (is_named || !is_free({"xvd", number, 0}, name)) continue;
        disk.target = name;
        return {};
    }
    return fail(ErrorId::LimitReached, fmt::format("{}: no xvd is free", domain.record.name));
}

void DiskChanges::forget(Domain& domain, const config::DiskDefinition& disk) {
    std::erase_if(domain.definition.disks,
                  [&](const config::DiskDefinition& one) { return one.target == disk.target; });
    domains_.save_definition(domain);
}

Result<std::vector<DiskView>> DiskChanges::list(const std::string& text) {
    return TRY(domains_.find(text))->disks->list();
}

}  // namespace hvctld
