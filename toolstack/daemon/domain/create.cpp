// Definitions: from text to a record that can be started.
#include <fmt/format.h>
#include <systemd/sd-id128.h>

#include <algorithm>

#include "domain/check_definition.hpp"
#include "domain/images.hpp"
#include "domain/manager.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

std::string fresh_uuid() {
    sd_id128_t id{};
    char text[SD_ID128_UUID_STRING_MAX];
    if (sd_id128_randomize(&id) < 0) return {};
    return sd_id128_to_uuid_string(id, text);
}

Result<void> check_cpus(const config::DomainDefinition& definition, std::uint32_t cpus) {
    for (const auto* lists : {&definition.cpus, &definition.cpus_soft}) {
        for (const config::CpuList& list : *lists) {
            if (list.all || list.cpus.front() < cpus) continue;
            return fail(ErrorId::NoSuchCpu,
                        fmt::format("{}: {}: the host has CPUs 0-{}, none of which is in {}", definition.name,
                                    lists == &definition.cpus ? "cpus" : "cpus_soft", cpus - 1, format_cpu_list(list)));
        }
    }
    return {};
}

}  // namespace

Result<void> Manager::check_host(const config::DomainDefinition& definition) {
    TRY(check_served(definition));
    const auto host = TRY(within("host information", Result<abi::GetHostInfo>{hypervisor_.host_info()}));
    if (definition.max_vcpus > host.max_vcpus) {
        return fail(ErrorId::TooManyVcpus, fmt::format("{}: wants {} vCPUs, hv gives one domain at most {}",
                                                       definition.name, definition.max_vcpus, host.max_vcpus));
    }
    TRY(check_cpus(definition, host.cpus_online));
    const std::uint64_t unclaimed = host.free_frames - std::min(host.claimed_frames, host.free_frames);
    if (definition.memory / hvctl::kPageSize > unclaimed) {
        // What is free is no round number, and a smaller one is as true: whole MiB are what a file would say.
        const std::uint64_t free_bytes = unclaimed * hvctl::kPageSize;
        return fail(ErrorId::NoMemory,
                    fmt::format("{}: wants {}, the host has {} free; give it less memory or destroy another domain",
                                definition.name, config::format_size(definition.memory),
                                config::format_size(free_bytes >= kMiB ? free_bytes / kMiB * kMiB : free_bytes)));
    }
    return {};
}

void Manager::validate(const std::string& text, const std::string& source, std::span<const std::string> overrides,
                       bool against_host, const ValidationAnswer& answer) {
    if (!against_host) return answer(validate_definition(text, source, overrides, settings_.defaults));
    Validation validation;
    auto definition = read_definition(text, source, overrides, settings_.defaults, validation.warnings);
    if (!definition) return answer(std::unexpected(definition.error()));
    if (const auto fits = check_host(*definition); !fits) return answer(std::unexpected(fits.error()));
    const auto found = domains_.find(definition->name);
    if (found != domains_.end() && found->second->record.phase != DomainPhase::Stopped)
        return answer(fail(ErrorId::NameTaken, fmt::format("a domain {} runs already", definition->name)));
    validation.normalised = normalised(*definition);

    const auto answered = [validation = std::move(validation), answer,
                           weak = std::weak_ptr{alive_}](const Result<void>& valid) {
        if (weak.expired()) return;
        answer(valid ? Result<Validation>{validation} : std::unexpected(valid.error()));
    };
    looks_.run_apart(
        loop_, [definition = *definition] { return check_files(definition); },
        [this, answered, definition = *definition, weak = std::weak_ptr{alive_}](const Result<void>& there) {
            if (weak.expired() || !there) return answered(there);
            auto outcome = std::make_shared<Result<void>>();
            checks_.run(
                loop_,
                [outcome, &hypervisor = hypervisor_, definition] { *outcome = check_images(hypervisor, definition); },
                [outcome, answered](const Result<void>& ran) { answered(ran ? *outcome : ran); });
        });
}

// A definition that is about to be tried. The one that it replaces is kept until it has made a guest run.
Result<Domain*> Manager::draft(config::DomainDefinition definition, const std::string& source, bool ephemeral) {
    const auto existing = domains_.find(definition.name);
    if (existing != domains_.end()) {
        TRY(require_idle(*existing->second));
        if (existing->second->record.phase != DomainPhase::Stopped) {
            return fail(ErrorId::NameTaken, fmt::format("a domain {} runs already (domain {}); destroy it or choose "
                                                        "another name",
                                                        definition.name, existing->second->record.instance.domid));
        }
    }
    if (definition.uuid.empty())
        definition.uuid = existing != domains_.end() ? existing->second->record.uuid : fresh_uuid();
    for (const auto& [name, other] : domains_) {
        if (name != definition.name && other->record.uuid == definition.uuid)
            return fail(ErrorId::UuidTaken, fmt::format("the UUID {} belongs to {}", definition.uuid, name));
    }
    const bool is_new = existing == domains_.end();
    auto& domain = is_new ? (domains_[definition.name] = std::make_unique<Domain>()) : existing->second;
    DomainRecord& record = domain->record;
    if (!is_new) record.fallback = {record.uuid, record.source, record.definition, record.ephemeral, record.end_reason};
    if (is_new) record.created_us = realtime_us();
    record.name = definition.name;
    record.uuid = definition.uuid;
    record.source = source;
    record.definition = normalised(definition);
    record.ephemeral = ephemeral;
    record.draft = true;
    domain->definition = std::move(definition);
    save(*domain);
    return domain.get();
}

Result<JobId> Manager::create(const std::string& text, const std::string& source,
                              std::span<const std::string> overrides, const CreateOptions& options) {
    std::vector<std::string> warnings;
    auto definition = TRY(read_definition(text, source, overrides, settings_.defaults, warnings));
    TRY(check_served(definition));
    TRY(require_host_stays());
    if (!options.patient) TRY(require_registry());
    Domain* domain = TRY(draft(std::move(definition), source, options.ephemeral));
    return begin_start(*domain, "create", options.paused, options.patient);
}

Result<DefinitionView> Manager::definition(const std::string& text) {
    const Domain* domain = TRY(find(text));
    auto revisions = registry_.revisions(domain->record.name);
    // A registry that cannot be read has forgotten the old ones, not this one.
    return DefinitionView{domain->record.definition, std::move(revisions).value_or(std::vector<Revision>{})};
}

Result<JobId> Manager::start(const std::string& text, bool paused, bool patient) {
    Domain* domain = TRY(find(text));
    TRY(require_idle(*domain));
    if (domain->record.phase != DomainPhase::Stopped) {
        return fail(ErrorId::WrongState,
                    fmt::format("{} runs already (domain {})", domain->record.name, domain->record.instance.domid));
    }
    TRY(require_host_stays());
    if (!patient) TRY(require_registry());
    return begin_start(*domain, "start", paused, patient);
}

JobId Manager::begin_start(Domain& domain, const std::string& verb, bool paused, bool patient) {
    Job& job = begin_job(domain, verb, patient ? 0 : settings_.create_deadline_seconds, paused);
    add_start_phases(job, domain, paused, patient);
    changed(domain);
    const JobId id = job.id();
    job.start();
    return id;
}

Result<Console*> Manager::console_of(Domain& domain) {
    if (!domain.console) {
        domain.console =
            TRY(within(domain.record.name + ": console", Console::create(loop_, console_disk_, events_, paths_.console,
                                                                         domain.record.name, settings_.console)));
    }
    return domain.console.get();
}

}  // namespace hvctld
