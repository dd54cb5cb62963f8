#include "domain/definitions.hpp"

#include <fmt/format.h>
#include <systemd/sd-id128.h>

#include <utility>

#include "devices/block/image.hpp"
#include "domain/check_host.hpp"
#include "domain/images.hpp"
#include "domain/remembering.hpp"
#include "domain/renames.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

std::string fresh_uuid() {
    sd_id128_t id{};
    char text[SD_ID128_UUID_STRING_MAX];
    if (sd_id128_randomize(&id) < 0) return {};
    return sd_id128_to_uuid_string(id, text);
}

}  // namespace

void Definitions::validate(const std::string& text, const std::string& source, std::span<const std::string> overrides,
                           bool against_host, const ValidationAnswer& answer) {
    const config::DomainDefaults& defaults = context_.settings.defaults;
    if (!against_host) return answer(validate_definition(text, source, overrides, defaults));
    Validation validation;
    auto definition = read_definition(text, source, overrides, defaults, validation.warnings);
    if (!definition) return answer(std::unexpected(definition.error()));
    if (const auto fits = check_host(context_, *definition); !fits) return answer(std::unexpected(fits.error()));
    if (const Domain* domain = domains_.named(definition->name); domain != nullptr && !may_begin(domain->record.phase))
        return answer(fail(ErrorId::NameTaken, fmt::format("a domain {} runs already", definition->name)));
    validation.normalised = normalised(*definition);

    const GuestKind& kind = *guest_kind(definition->type);  // check_host() has refused those that are not served
    const auto answered = [validation = std::move(validation), answer,
                           weak = std::weak_ptr{context_.alive}](const Result<void>& valid) {
        if (weak.expired()) return;
        answer(valid ? Result<Validation>{validation} : std::unexpected(valid.error()));
    };
    context_.looks.run_apart(
        context_.loop,
        [definition = *definition]() -> Result<void> {
            TRY(check_files(definition));
            return check_disks(definition);
        },
        [this, answered, &kind, definition = *definition,
         weak = std::weak_ptr{context_.alive}](const Result<void>& there) {
            if (weak.expired() || !there) return answered(there);
            auto outcome = std::make_shared<Result<void>>();
            context_.checks.run(
                context_.loop,
                [outcome, &kind, &hypervisor = context_.hypervisor, definition] {
                    *outcome = kind.check_images(hypervisor, definition);
                },
                [outcome, answered](const Result<void>& ran) { answered(ran ? *outcome : ran); });
        });
}

Result<JobId> Definitions::create(const std::string& text, const std::string& source,
                                  std::span<const std::string> overrides, const CreateOptions& options) {
    std::vector<std::string> warnings;
    auto definition = TRY(read_definition(text, source, overrides, context_.settings.defaults, warnings));
    TRY(check_served(definition));
    TRY(work_.host_stays(Verb::Create));
    if (!options.patient) TRY(require_registry(context_.registry));
    Domain* domain = TRY(draft(std::move(definition), source, options.ephemeral));
    domain->record.source_hash = overrides.empty() ? config::stable_hash(text) : 0;
    return starts_.begin(*domain, Verb::Create, {options.paused, options.patient});
}

// A definition that is about to be tried. The one that it replaces is kept until it has made a guest run.
Result<Domain*> Definitions::draft(config::DomainDefinition definition, const std::string& source, bool ephemeral) {
    Domain* domain = domains_.named(definition.name);
    if (domain != nullptr) {
        TRY(work_.admit(*domain, Verb::Create));
        if (!may_begin(domain->record.phase)) {
            return fail(ErrorId::NameTaken, fmt::format("a domain {} runs already (domain {}); destroy it or choose "
                                                        "another name",
                                                        definition.name, domain->record.instance.domid));
        }
    }
    TRY(Renames::require_settled(context_.registry, definition.name));
    if (definition.uuid.empty()) definition.uuid = domain != nullptr ? domain->record.uuid : fresh_uuid();
    for (const Domain* other : domains_.all()) {
        if (other != domain && other->record.uuid == definition.uuid) {
            return fail(ErrorId::UuidTaken,
                        fmt::format("the UUID {} belongs to {}", definition.uuid, other->record.name));
        }
    }
    if (domain == nullptr) {
        auto fresh = std::make_unique<Domain>();
        fresh->record.name = definition.name;
        fresh->record.created_us = realtime_us();
        domain = &domains_.insert(std::move(fresh));
    } else {
        const DomainRecord& before = domain->record;
        domain->record.fallback = {before.uuid,      before.source,     before.definition,
                                   before.ephemeral, before.end_reason, before.source_hash};
    }
    DomainRecord& record = domain->record;
    record.uuid = definition.uuid;
    record.source = source;
    record.definition = normalised(definition);
    record.ephemeral = ephemeral;
    record.draft = true;
    domain->definition = std::move(definition);
    domains_.save(*domain);
    return domain;
}

Result<DefinitionView> Definitions::view(const std::string& text) {
    const Domain* domain = TRY(domains_.find(text));
    auto revisions = context_.registry.revisions(domain->record.name);
    // A registry that cannot be read has forgotten the old ones, not this one.
    return DefinitionView{domain->record.definition, std::move(revisions).value_or(std::vector<Revision>{})};
}

Result<void> Definitions::forget(const std::string& text) {
    const Domain* domain = TRY(domains_.find(text));
    TRY(work_.admit(*domain, Verb::Forget));
    if (!may_begin(domain->record.phase)) {
        return fail(ErrorId::WrongState,
                    fmt::format("{} runs; destroy it before its definition is forgotten", domain->record.name));
    }
    // Or it would be listed again when hvctld is killed before there is room.
    TRY(require_registry(context_.registry));
    domains_.drop(std::string{domain->record.name});
    return {};
}

void Definitions::let_go(Domain& domain) {
    if (domain.record.draft) return fall_back(domain);
    if (domain.record.ephemeral) domains_.drop(std::string{domain.record.name});
}

// A create that has failed: what was there before is there again, nothing if nothing was.
void Definitions::fall_back(Domain& domain) {
    DomainRecord& record = domain.record;
    if (!record.fallback) return domains_.drop(std::string{record.name});
    Fallback before = std::move(*std::exchange(record.fallback, std::nullopt));
    record.draft = false;
    record.uuid = std::move(before.uuid);
    record.source = std::move(before.source);
    record.source_hash = before.source_hash;
    record.definition = std::move(before.definition);
    record.ephemeral = before.ephemeral;
    record.end_reason = before.end_reason;
    config::Diagnostics diagnostics;
    domain.definition =
        config::parse_definition(record.definition, record.name, {}, context_.settings.defaults, diagnostics);
    domains_.save(domain);
    domains_.changed(domain);
}

}  // namespace hvctld
