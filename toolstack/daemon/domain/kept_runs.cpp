#include "domain/kept_runs.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <string_view>
#include <utility>

#include "base/log.hpp"
#include "config/values.hpp"
#include "devices/block/disks.hpp"
#include "domain/scheduling.hpp"
#include "domain/store_entries.hpp"
#include "domain/uuid_text.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

constexpr std::string_view kSource = "a run that has ended of ";

// Made from what the registry has of the run, so that a process that comes after a kill knows whose it was.
hvctl::Uuid uuid_of_run(const DomainRecord& record) {
    hvctl::Uuid uuid{};
    for (std::size_t half = 0; half < 2; ++half) {
        std::uint64_t bits =
            config::stable_hash(fmt::format("kept {} {} {}", half, record.uuid, record.instance.domid));
        for (std::size_t i = 0; i < 8; ++i, bits >>= 8) uuid[half * 8 + i] = static_cast<std::uint8_t>(bits);
    }
    // Version and variant of RFC 9562 for what a program has made up.
    uuid[6] = static_cast<std::uint8_t>((uuid[6] & 0x0f) | 0x80);
    uuid[8] = static_cast<std::uint8_t>((uuid[8] & 0x3f) | 0x80);
    return uuid;
}

std::string text_of(const hvctl::Uuid& uuid) {
    std::uint8_t bytes[16];
    std::ranges::copy(uuid, bytes);
    return uuid_text(bytes);
}

// It has nothing but its memory, and nothing is done with it that nobody asks for.
config::DomainDefinition without_devices(config::DomainDefinition definition) {
    definition.disks.clear();
    definition.nics.clear();
    definition.cloud_init.reset();
    definition.disk_limits = {};
    // A definition needs something to boot, though this one never does.
    if (std::exchange(definition.boot_from_disk, false)) definition.kernel = "/dev/null";
    definition.autostart = false;
    definition.cpu_reservation = 0;
    definition.on_poweroff = definition.on_reboot = config::EndAction::Preserve;
    definition.on_crash = definition.on_watchdog = config::EndAction::Preserve;
    return definition;
}

}  // namespace

bool KeptRuns::is_run_of(const Domain& domain, const abi::DomainInfo& info) {
    return domain.in_hv() && domain.record.instance.domid == info.domain &&
           uuid_text(info.uuid) == text_of(uuid_of_run(domain.record));
}

void KeptRuns::add_phase(Job& job, Domain& domain) {
    job.add({JobPhase::Keep, 30, [this, &domain](Job& running, const Done& done) {
                 tear_down_.on_last_look(domain);
                 domain.disks->take_all_away()(running, [this, &domain, done](Result<void> gone) {
                     TearDown::unplug(domain);
                     if (gone) {
                         gone = within(domain.record.name, Result<void>{context_.hypervisor.set_uuid(
                                                               domain.id(), uuid_of_run(domain.record))});
                     }
                     if (gone) {
                         give_away(domain, domain.record.end_reason);
                     } else {
                         log::warning("{}; the run of {} that has ended is not kept", gone.error().text(),
                                      domain.record.name);
                     }
                     done({});
                 });
             }});
}

std::string KeptRuns::name_for(const Domain& domain) {
    constexpr std::size_t kLongest = 63 - sizeof "-20261231T235959Z-99";
    const std::string stem = fmt::format("{}-{:%Y%m%dT%H%M%SZ}", domain.record.name.substr(0, kLongest),
                                         fmt::gmtime(static_cast<std::time_t>(realtime_us() / 1'000'000)));
    std::string name = stem;
    for (unsigned next = 2; domains_.named(name) != nullptr; ++next) name = fmt::format("{}-{}", stem, next);
    return name;
}

Domain& KeptRuns::give_away(Domain& domain, EndReason reason) {
    auto fresh = std::make_unique<Domain>();
    DomainRecord& record = fresh->record;
    record.name = name_for(domain);
    record.uuid = text_of(uuid_of_run(domain.record));
    record.source = fmt::format("{}{}", kSource, domain.record.name);
    fresh->definition = without_devices(domain.definition);
    fresh->definition.name = record.name;
    fresh->definition.uuid = record.uuid;
    record.definition = normalised(fresh->definition);
    record.ephemeral = true;
    record.phase = DomainPhase::Running;
    record.instance.domid = domain.record.instance.domid;
    record.created_us = domain.record.created_us;
    record.started_us = domain.record.started_us;
    record.ended_us = realtime_us();
    record.end_reason = reason;
    fresh->ended = reason;
    Domain& kept = domains_.insert(std::move(fresh));
    domains_.save(kept);
    tear_down_.freed(domain, reason, false);

    log::write(log::Level::Info, {domain.record.name, 0, {}},
               fmt::format("domain {0} is kept as {1}; 'hvctl dump-core {1}' writes its memory to a file, 'hvctl "
                           "destroy {1}' frees it",
                           kept.id().raw, kept.record.name));
    serve(kept);
    domains_.changed(kept);
    return kept;
}

bool KeptRuns::is_kept(const Domain& domain) {
    const DomainRecord& record = domain.record;
    return domain.in_hv() && is_whole(record.phase) && record.instance.store_mfn == 0 &&
           record.source.starts_with(kSource);
}

void KeptRuns::serve(const Domain& kept) {
    // What it had reserved is for the run to come.
    if (const auto given = apply_scheduling(context_, kept.id(), kept.definition); !given)
        log::error("{}", given.error().text());
    if (const auto told = write_kept_entries(context_.store, kept.id().raw, kept.record.name, kept.record.uuid); !told)
        log::error("{}: {}", kept.record.name, told.error().text());
}

}  // namespace hvctld
