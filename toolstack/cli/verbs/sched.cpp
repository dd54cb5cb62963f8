#include <array>

#include "verbs/common.hpp"
#include "verbs/key_words.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {
namespace {

struct Arguments {
    std::vector<std::string> words;  // a domain, and what is to change
    bool json = false;
};

constexpr std::array<std::string_view, 3> kKeys{"weight", "cap", "reservation"};
constexpr std::array kShown{"cpu_weight", "cpu_cap", "cpu_reservation"};

std::string share(std::uint64_t percent) {
    return percent == 0 ? "-" : std::to_string(percent) + "%";
}

Result<void> show(Context& context, const Arguments& arguments) {
    const std::vector<Properties> domains = TRY(domains_named(*TRY(context.manager()), arguments.words));
    if (arguments.json) {
        print(domains_json(domains, kShown));
        return {};
    }
    Table table({{"Name"},
                 {"ID", Align::Right},
                 {"Weight", Align::Right},
                 {"Cap", Align::Right},
                 {"Reservation", Align::Right}});
    for (const Properties& domain : domains) {
        table.add({{domain.text("name")},
                   {domain_id_text(domain)},
                   {std::to_string(domain.number("cpu_weight"))},
                   {share(domain.number("cpu_cap"))},
                   {share(domain.number("cpu_reservation"))}});
    }
    print(table.render(context.out));
    return {};
}

Result<void> run(Context& context, const Arguments& arguments) {
    const bool changes = arguments.words.size() > 1 && arguments.words[1].find('=') != std::string::npos;
    if (!changes) return show(context, arguments);
    const std::vector<std::string> words{arguments.words.begin() + 1, arguments.words.end()};
    const std::string change = TRY(map_text("sched", words, kKeys));
    return TRY(context.manager())->set_shares(arguments.words.front(), change);
}

}  // namespace

void add_sched(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = app.verb("sched", Topic::Resources, "show or change domains' shares of the CPUs");
    verb.description =
        "Shows what domains are promised of the CPUs; with KEY=VALUE after the name of one, changes it at once and "
        "remembers it (not Domain-0's: see 'dom0' in hvctl.yaml(5)).\n"
        "weight (1 to 65535) decides how domains share the CPUs that more than one wants; cap is the most that a "
        "domain gets, in percent of one CPU, even when no other wants it; reservation is what it gets whenever it "
        "wants it, whatever others do. cap=none and reservation=none take them away.";
    verb.examples =
        "hvctl sched\nhvctl sched web1 weight=512\nhvctl sched web1 cap=150% reservation=50%\nhvctl sched --json";
    verb.positionals_of("DOMAIN|KEY=VALUE", Complete::Domain, arguments->words, Arity::Any,
                        "domains to show; or one, and weight, cap or reservation with its new value");
    verb.flag("--json", arguments->json, "what is shown, in JSON");
    verb.run = [arguments, &context] { return run(context, *arguments); };
}

}  // namespace hvctl::cli
