#include "json.hpp"
#include "text.hpp"
#include "verbs/common.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {
namespace {

struct Arguments {
    std::vector<std::string> domains;
    bool json = false;
};

struct DomainVcpus {
    Properties domain;
    std::vector<Properties> vcpus;
};

Result<std::vector<DomainVcpus>> collect(Manager& manager, const std::vector<std::string>& names) {
    std::vector<DomainVcpus> all;
    for (Properties& domain : TRY(domains_named(manager, names))) {
        if (names.empty() && !domain.has("domid")) continue;
        auto vcpus = manager.list_vcpus(domain.text("name"));
        // Asked for all, a domain that has just ended is simply not among them.
        if (!vcpus && names.empty() && vcpus.error().code == ExitCode::NotFound) continue;
        all.push_back({std::move(domain), TRY(std::move(vcpus))});
    }
    return all;
}

std::string json_of(const std::vector<DomainVcpus>& all) {
    std::vector<JsonDocument> list;
    for (const DomainVcpus& entry : all) {
        JsonDocument domain = JsonDocument::part();
        domain.add("name", Value(entry.domain.text("name")));
        if (entry.domain.has("domid")) domain.add("domid", Value(entry.domain.number("domid")));
        domain.add("vcpus", entry.vcpus);
        list.push_back(std::move(domain));
    }
    JsonDocument document;
    document.add("domains", std::move(list));
    return document.text();
}

Table table_of(const std::vector<DomainVcpus>& all) {
    Table table({{"Name"},
                 {"ID", Align::Right},
                 {"VCPU", Align::Right},
                 {.title = "CPU", .align = Align::Right, .optional = true},
                 {"State"},
                 {.title = "Time(s)", .align = Align::Right, .optional = true},
                 {.title = "Steal(s)", .align = Align::Right, .optional = true},
                 {.title = "Affinity (hard / soft)", .optional = true}});
    for (const DomainVcpus& entry : all) {
        for (const Properties& vcpu : entry.vcpus) {
            bool online = vcpu.flag("online");
            table.add({{entry.domain.text("name")},
                       {domain_id_text(entry.domain)},
                       {std::to_string(vcpu.number("vcpu"))},
                       {online ? std::to_string(vcpu.number("cpu")) : "-"},
                       {vcpu.text("state"), online ? Colour::None : Colour::Dim},
                       {format_seconds(vcpu.number("cpu_time"))},
                       {format_seconds(vcpu.number("steal_time"))},
                       {vcpu.text("hard_affinity", "all") + " / " + vcpu.text("soft_affinity", "all")}});
        }
    }
    return table;
}

}  // namespace

void add_vcpu_list(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = app.verb("vcpu-list", Topic::Look, "list vCPUs, where they run and where they may");
    verb.description =
        "Lists the vCPUs of all running domains, or of the named ones: the CPU that each runs or last ran on, its "
        "state, the "
        "time it has run and the time it was ready but had to wait (steal), and the CPUs that it may use (hard "
        "affinity) and "
        "prefers (soft affinity).";
    verb.examples = "hvctl vcpu-list web1";
    verb.positionals_of("DOMAIN", Complete::Domain, arguments->domains, Arity::Any, "name, id or UUID");
    verb.flag("--json", arguments->json, "everything that is known, in JSON");
    verb.run = [arguments, &context]() -> Result<void> {
        auto all = TRY(collect(*TRY(context.manager()), arguments->domains));
        print(arguments->json ? json_of(all) : table_of(all).render(context.out));
        return {};
    };
}

}  // namespace hvctl::cli
