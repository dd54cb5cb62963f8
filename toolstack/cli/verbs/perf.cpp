#include <algorithm>

#include "json.hpp"
#include "table.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {
namespace {

struct Arguments {
    std::vector<std::string> prefixes;
    bool all = false;
    bool json = false;
};

Properties select(const Properties& counters, const Arguments& arguments) {
    Properties selected;
    for (const auto& [name, value] : counters) {
        bool wanted = arguments.prefixes.empty() ||
                      std::ranges::any_of(arguments.prefixes,
                                          [&](const std::string& prefix) { return name.starts_with(prefix); });
        if (wanted && (arguments.all || counters.number(name) != 0)) selected.emplace(name, value);
    }
    return selected;
}

Result<void> perf(Context& context, const Arguments& arguments) {
    Properties counters = select(TRY(TRY(context.manager())->get_perf_counters()), arguments);
    if (arguments.json) {
        JsonDocument document;
        document.add("counters", counters);
        print(document.text());
        return {};
    }
    Table table({{"Counter"}, {"Count", Align::Right}});
    for (const auto& [name, value] : counters) table.add({{name}, {std::to_string(counters.number(name))}});
    print(table.render(context.out));
    return {};
}

}  // namespace

void add_perf(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = app.verb("perf", Topic::Host, "show hv's event counters");
    verb.description =
        "Shows how often hv did what since it booted, summed over all CPUs: hypercalls and traps of each kind, "
        "late timers, and more. Counters that are zero are left out.";
    verb.examples = "hvctl perf\nhvctl perf hypercall. --json";
    verb.positionals_of("PREFIX", Complete::Nothing, arguments->prefixes, Arity::Any, "only counters that begin so");
    verb.flag("--all", "-a", arguments->all, "those that are zero, too");
    verb.flag("--json", arguments->json, "in JSON");
    verb.run = [arguments, &context] { return perf(context, *arguments); };
}

}  // namespace hvctl::cli
