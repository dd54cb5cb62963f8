#include <array>

#include "text.hpp"
#include "verbs/common.hpp"
#include "verbs/key_words.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {
namespace {

struct Arguments {
    std::vector<std::string> words;  // domains, or one and what is to change
    bool json = false;
};

constexpr std::array<std::string_view, 3> kKeys{"iops", "bandwidth", "burst"};
constexpr std::array kShown{"disk_iops", "disk_bandwidth", "disk_burst"};

std::string or_dash(std::uint64_t value, std::string text) {
    return value == 0 ? "-" : std::move(text);
}

Result<void> show(Context& context, const Arguments& arguments) {
    std::vector<Properties> domains = TRY(domains_named(*TRY(context.manager()), arguments.words));
    // Domain-0 has the real ones.
    std::erase_if(domains, [](const Properties& one) { return one.has("domid") && one.number("domid") == 0; });
    if (arguments.json) {
        print(domains_json(domains, kShown));
        return {};
    }
    Table table(
        {{"Name"}, {"ID", Align::Right}, {"IOPS", Align::Right}, {"Bandwidth", Align::Right}, {"Burst", Align::Right}});
    for (const Properties& domain : domains) {
        const std::uint64_t iops = domain.number("disk_iops");
        const std::uint64_t bandwidth = domain.number("disk_bandwidth");
        const std::uint64_t burst = domain.number("disk_burst");
        table.add({{domain.text("name")},
                   {domain_id_text(domain)},
                   {or_dash(iops, std::to_string(iops))},
                   {or_dash(bandwidth, format_bytes(bandwidth) + "/s")},
                   {or_dash(burst, std::to_string(burst) + "s")}});
    }
    print(table.render(context.out));
    return {};
}

Result<void> run(Context& context, const Arguments& arguments) {
    const bool changes = arguments.words.size() > 1 && arguments.words[1].find('=') != std::string::npos;
    if (!changes) return show(context, arguments);
    const std::vector<std::string> words{arguments.words.begin() + 1, arguments.words.end()};
    const std::string change = TRY(map_text("block-limits", words, kKeys));
    return TRY(context.manager())->set_disk_limits(arguments.words.front(), change);
}

}  // namespace

void add_block_limits(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = app.verb("block-limits", Topic::Disks, "show or change what domains' disks may do in a second");
    verb.description =
        "Shows the limits of domains' disks; with KEY=VALUE after the name of one, changes them at once and remembers "
        "them.\n"
        "A limit is one for all disks of the domain together, those that come later, too. iops counts requests and "
        "bandwidth bytes, of reads and writes together. burst=30s lets a guest that has left some of it unused have up "
        "to 30 seconds' worth of it on top, as fast as the disk goes. none takes a limit away.";
    verb.examples =
        "hvctl block-limits\nhvctl block-limits web1 iops=2000 bandwidth=100MiB/s\nhvctl block-limits web1 iops=2000 "
        "burst=30s\n"
        "hvctl block-limits web1 iops=none bandwidth=none";
    verb.positionals_of("DOMAIN|KEY=VALUE", Complete::Domain, arguments->words, Arity::Any,
                        "domains to show; or one, and iops, bandwidth or burst with its new value");
    verb.flag("--json", arguments->json, "what is shown, in JSON");
    verb.run = [arguments, &context] { return run(context, *arguments); };
}

}  // namespace hvctl::cli
