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

Result<void> run(Context& context, const Arguments& arguments) {
    std::vector<JsonDocument> list;
    Table table({{"Name"}, {"ID", Align::Right}, {"Uptime"}});
    for (const Properties& domain : TRY(domains_named(*TRY(context.manager()), arguments.domains))) {
        if (!domain.has("domid")) {
            if (!arguments.domains.empty()) warn(domain.text("name") + " does not run");
            continue;
        }
        const std::uint64_t uptime = domain.number("uptime");
        table.add({{domain.text("name")}, {domain_id_text(domain)}, {format_span(uptime)}});
        JsonDocument entry = JsonDocument::part();
        entry.add("name", Value(domain.text("name")));
        entry.add("domid", Value(domain.number("domid")));
        entry.add("uptime_seconds", Value(uptime / 1'000'000'000));
        list.push_back(std::move(entry));
    }
    if (arguments.json) {
        JsonDocument document;
        document.add("domains", std::move(list));
        print(document.text());
    } else {
        print(table.render(context.out));
    }
    return {};
}

}  // namespace

void add_uptime(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = app.verb("uptime", Topic::Look, "tell for how long domains have been running");
    verb.description = "Tells how long ago each running domain, or each of the named ones, was started.";
    verb.examples = "hvctl uptime web1";
    verb.positionals_of("DOMAIN", Complete::Domain, arguments->domains, Arity::Any, "name, id or UUID");
    verb.flag("--json", arguments->json, "in JSON, in seconds");
    verb.run = [arguments, &context] { return run(context, *arguments); };
}

}  // namespace hvctl::cli
