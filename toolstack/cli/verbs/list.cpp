#include "json.hpp"
#include "text.hpp"
#include "verbs/common.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {
namespace {

struct Arguments {
    std::vector<std::string> domains;
    bool json = false;
    bool names_only = false;
};

constexpr std::uint64_t kMebibyte = 1024 * 1024;

Table table_of(const std::vector<Properties>& domains) {
    Table table({{"Name"},
                 {"ID", Align::Right},
                 {.title = "Mem(MiB)", .align = Align::Right, .optional = true},
                 {.title = "VCPUs", .align = Align::Right, .optional = true},
                 {"State"},
                 {.title = "Time(s)", .align = Align::Right, .optional = true},
                 {.title = "Autostart", .optional = true}});
    for (const Properties& domain : domains) {
        table.add({{domain.text("name")},
                   {domain_id_text(domain)},
                   {std::to_string(domain.number("memory") / kMebibyte)},
                   {std::to_string(domain.number("vcpus"))},
                   state_cell(domain.text("state")),
                   {format_seconds(domain.number("cpu_time"))},
                   {domain.flag("autostart") ? "yes" : "no"}});
    }
    return table;
}

Result<void> list(Context& context, const Arguments& arguments) {
    Manager* manager = TRY(context.manager());
    std::vector<Properties> domains;
    Result<void> outcome;
    if (arguments.domains.empty()) {
        domains = TRY(manager->list_domains());
    } else {
        outcome = for_each_word(arguments.domains, [&](const std::string& name) -> Result<void> {
            domains.push_back(TRY(manager->get_domain(name)));
            return {};
        });
    }
    if (arguments.json) {
        JsonDocument document;
        document.add("domains", domains);
        print(document.text());
    } else if (arguments.names_only) {
        for (const Properties& domain : domains) print(domain.text("name") + '\n');
    } else if (outcome || !domains.empty()) {
        print(table_of(domains).render(context.out));
    }
    return outcome;
}

}  // namespace

void add_list(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = app.verb("list", Topic::Look, "list domains with their state");
    verb.description =
        "Lists all domains, or the named ones, running or not. Memory is what a domain has now; time is what its vCPUs "
        "have "
        "used since it started.\n"
        "States: running, blocked (idle, waiting for an event), paused, disk-full (paused until a disk has room to "
        "grow in "
        "Dom0: 'hvctl show' tells where), starting, shutdown, crashed, crashloop (crashed too often to be started "
        "again: "
        "'hvctl show' tells more), dying, stopped.";
    verb.examples = "hvctl list\nhvctl list --json | jq -r '.domains[] | select(.state == \"crashed\") | .name'";
    verb.positionals_of("DOMAIN", Complete::Domain, arguments->domains, Arity::Any, "name, id or UUID");
    verb.flag("--json", arguments->json, "everything that is known, in JSON");
    verb.flag("--quiet", "-q", arguments->names_only, "names only, one a line");
    verb.run = [arguments, &context] { return list(context, *arguments); };
}

}  // namespace hvctl::cli
