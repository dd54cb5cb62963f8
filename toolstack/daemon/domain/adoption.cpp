// Domains in hv that the registry does not know: another toolstack's, or ours after the registry was lost. They are
// listed, served as far as the store's journal says how, and can be destroyed; they are never destroyed unasked.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/log.hpp"
#include "config/values.hpp"
#include "domain/recovery.hpp"
#include "domain/scheduling.hpp"
#include "domain/store_entries.hpp"
#include "domain/uuid_text.hpp"

namespace hvctld {
namespace {

std::uint64_t number_in(store::Store& store, const std::string& path) {
    const auto text = store.read(path);
    std::uint64_t number = 0;
    if (text) (void)std::from_chars(text->data(), text->data() + text->size(), number);
    return number;
}

}  // namespace

// What this daemon wrote for the guest when it was built: nodes that the guest may read and not change.
bool Recovery::describe_from_store(Domain& domain, const abi::DomainInfo& info) {
    const std::string home = domain_path(info.domain);
    const auto introduced = context_.store.introduced_domains();
    const auto known = std::ranges::find(introduced, store::DomainId{info.domain}, &store::IntroducedDomain::domain);
    const auto name = context_.store.read(home + "/name");
    if (known == introduced.end() || !name || !config::problem_with_name(*name).empty() ||
        parts_.domains.named(*name) != nullptr)
        return false;
    if (context_.store.read(home + "/vm").value_or("") != "/vm/" + domain.definition.uuid) return false;
    domain.definition.name = *name;
    domain.definition.on_poweroff = config::EndAction::Destroy;
    // hv's limit is its target; what it was told at its start is the store's to say.
    domain.definition.max_memory =
        std::max(domain.definition.max_memory, number_in(context_.store, home + "/memory/static-max") * 1024);
    domain.record.instance = {info.domain, known->gfn, known->port,
                              number_in(context_.store, home + "/console/ring-ref"),
                              static_cast<std::uint32_t>(number_in(context_.store, home + "/console/port"))};
    return true;
}

void Recovery::adopt_unknown(const abi::DomainInfo& info) {
    auto domain = std::make_unique<Domain>();
    config::DomainDefinition& definition = domain->definition;
    definition.name = fmt::format("unknown:{}", info.domain);  // no definition can have such a name
    definition.uuid = uuid_text(info.uuid);
    definition.memory = info.frames * hvctl::kPageSize;
    definition.max_memory = info.max_frames * hvctl::kPageSize;
    definition.vcpus = definition.max_vcpus = info.max_vcpus;
    take_from_hv(context_, DomainId{info.domain}, definition);
    // Its kernel is not known, so nothing can be started again.
    definition.on_poweroff = definition.on_reboot = config::EndAction::Preserve;
    definition.on_crash = definition.on_watchdog = config::EndAction::Preserve;
    DomainRecord& record = domain->record;
    record.instance.domid = info.domain;
    const bool described = describe_from_store(*domain, info);
    record.name = definition.name;
    record.uuid = definition.uuid;
    record.definition = normalised(definition);
    record.source = "found in hv";
    record.ephemeral = true;
    record.phase = DomainPhase::Running;
    // Its end has begun, and hv does not finish it by itself: it is ended like any other that is half there.
    const bool dying = (info.flags & abi::kDomainDying) != 0;
    if (dying) record.phase = DomainPhase::Ending;
    Domain& adopted = parts_.domains.insert(std::move(domain));
    if (dying) {
        log::warning("domain {} is not in the registry, and its end has begun; it is ended as {}", info.domain,
                     adopted.record.name);
        return;
    }
    if (!described) {
        undescribed_.insert(info.domain);
        log::warning("domain {} is not in the registry; it is listed as {}, without a console, and runs on",
                     info.domain, adopted.record.name);
        return;
    }
    log::warning(
        "{0}: domain {1} is not in the registry, and runs on as the store knows it. Its definition is lost: "
        "once it has ended, 'hvctl create FILE' starts it again",
        adopted.record.name, info.domain);
    parts_.domains.save(adopted);
    serve_again(adopted, info);
}

}  // namespace hvctld
