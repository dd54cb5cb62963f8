#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>

#include "json.hpp"
#include "text.hpp"
#include "verbs/common.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {
namespace {

struct Arguments {
    std::vector<std::string> domains;
    std::string since = "24h";
    std::string by;
    bool json = false;
};

// "24h", "7d" in seconds.
std::optional<std::uint64_t> seconds_of(const std::string& text) {
    if (text.empty()) return std::nullopt;
    constexpr std::uint64_t kMost = 400 * 24 * 3600;
    const std::uint64_t unit = text.back() == 'h' ? 3600 : text.back() == 'd' ? 24 * 3600 : 0;
    const auto number = parse_number(text.substr(0, text.size() - 1));
    if (unit == 0 || !number || *number == 0 || *number > kMost / unit) return std::nullopt;
    return *number * unit;
}

std::string time_text(std::uint64_t seconds) {
    const auto time = static_cast<std::time_t>(seconds);
    std::tm local{};
    std::array<char, 32> text{};
    if (localtime_r(&time, &local) == nullptr || std::strftime(text.data(), text.size(), "%F %R", &local) == 0)
        return "-";
    return text.data();
}

// Memory over the time that it was there, in MiB.
std::string mean_memory(const Properties& entry) {
    const std::uint64_t milliseconds = entry.number("running") / 1'000'000;
    return milliseconds == 0 ? "-" : std::to_string(entry.number("memory_mib_seconds") * 1000 / milliseconds);
}

Table table_of(const std::vector<Properties>& entries) {
    Table table({{"Name"},
                 {"From"},
                 {.title = "Ran(s)", .align = Align::Right, .optional = true},
                 {"Promised(s)", Align::Right},
                 {"Got(s)", Align::Right},
                 {.title = "Stolen(s)", .align = Align::Right, .optional = true},
                 {"Missing(s)", Align::Right},
                 {.title = "Mem(MiB)", .align = Align::Right, .optional = true},
                 {.title = "Net in", .align = Align::Right, .optional = true},
                 {.title = "Net out", .align = Align::Right, .optional = true}});
    for (const Properties& entry : entries) {
        const std::uint64_t missing = entry.number("missing");
        table.add({{entry.text("name")},
                   {time_text(entry.number("begin"))},
                   {format_seconds(entry.number("running"))},
                   {format_seconds(entry.number("promised"))},
                   {format_seconds(entry.number("delivered"))},
                   {format_seconds(entry.number("stolen"))},
                   {format_seconds(missing), missing >= 1'000'000'000 ? Colour::Red : Colour::None},
                   {mean_memory(entry)},
                   {format_bytes(entry.number("received_bytes"))},
                   {format_bytes(entry.number("sent_bytes"))}});
    }
    return table;
}

Result<void> run(Context& context, const Arguments& arguments) {
    const auto seconds = seconds_of(arguments.since);
    if (!seconds) {
        return fail(ExitCode::Usage,
                    "guarantees: --since is a time such as 24h or 30d, at most 400d, not '" + arguments.since + "'");
    }
    const std::string by = !arguments.by.empty() ? arguments.by : arguments.domains.empty() ? "all" : "hour";
    constexpr std::array<std::pair<std::string_view, std::uint32_t>, 3> kBy{{{"hour", 1}, {"day", 24}, {"all", 0}}};
    const auto* hours =
        std::ranges::find(kBy, std::string_view{by}, &std::pair<std::string_view, std::uint32_t>::first);
    if (hours == kBy.end()) return fail(ExitCode::Usage, "guarantees: --by is hour, day or all, not '" + by + "'");
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto now_s = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(now).count());
    const std::uint64_t since_us = (now_s > *seconds ? now_s - *seconds : 0) * 1'000'000;

    Manager* manager = TRY(context.manager());
    std::vector<Properties> entries;
    std::vector<std::string> names = arguments.domains;
    if (names.empty()) names.emplace_back();
    for (const std::string& name : names) {
        auto of_one = TRY(manager->get_guarantees(name, since_us, hours->second));
        std::ranges::move(of_one, std::back_inserter(entries));
    }
    if (arguments.json) {
        JsonDocument document;
        document.add("guarantees", entries);
        print(document.text());
    } else {
        print(table_of(entries).render(context.out));
    }
    return {};
}

}  // namespace

void add_guarantees(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = app.verb("guarantees", Topic::Look, "show what domains were promised and what they got");
    verb.description =
        "Shows the ledger that hvctld keeps for 400 days: how long a domain ran, the CPU time that its reservation "
        "promised it over that time, what it got, what its vCPUs wanted and had to wait for (stolen), and what of the "
        "promise it wanted and did not get (missing); its memory on average, and what its network interfaces moved.\n"
        "Without a DOMAIN: a line for each domain. A domain that is gone can be asked for by its name.";
    verb.examples = "hvctl guarantees\nhvctl guarantees web1\nhvctl guarantees web1 --since 30d --by day --json";
    verb.positionals_of("DOMAIN", Complete::Domain, arguments->domains, Arity::Any, "its name");
    verb.value("--since", "TIME", arguments->since, "how far back: 24h without, up to 400d");
    verb.value("--by", "hour|day|all", arguments->by, "what a line is about: an hour of a DOMAIN without, or all");
    verb.flag("--json", arguments->json, "everything that is known, in JSON");
    verb.run = [arguments, &context] { return run(context, *arguments); };
}

}  // namespace hvctl::cli
