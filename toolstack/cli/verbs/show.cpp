#include <algorithm>

#include "json.hpp"
#include "text.hpp"
#include "verbs/common.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {
namespace {

struct Arguments {
    std::string domain;
    bool json = false;
};

// Why a domain is not started again, on standard error: standard output is the definition's.
void explain_crash_loop(Context& context, const std::string& name) {
    constexpr std::size_t kLines = 20;
    const auto manager = context.manager();
    const auto domain = manager ? (*manager)->get_domain(name) : std::unexpected(manager.error());
    if (!domain || domain->text("state") != "crashloop") return;
    std::string text = domain->text("name") +
                       " has crashed too often to be started again by itself, the last time at " +
                       format_time(domain->number("ended")) + " (" + domain->text("shutdown_reason") +
                       ")\n'hvctl start' starts it all the same.";
    // Some users may see definitions and not read consoles.
    if (const auto log = console_log(**manager, name)) {
        const auto lines = split_lines(safe_for_terminal(*log));
        text += " Its console showed last:";
        for (std::size_t i = lines.size() - std::min(lines.size(), kLines); i < lines.size(); ++i)
            text += "\n  " + lines[i];
    }
    warn(text);
}

// The same of what keeps it from running now.
void explain_full_disk(Context& context, const std::string& name) {
    const auto manager = context.manager();
    const auto domain = manager ? (*manager)->get_domain(name) : std::unexpected(manager.error());
    if (!domain || domain->text("disk_full").empty()) return;
    warn(domain->text("name") + " is paused because a disk of it cannot grow: " + domain->text("disk_full") +
         "\nIt goes on by itself when there is room" +
         (domain->text("state") == "paused" ? ", once it is unpaused, too." : "."));
}

Result<void> show(Context& context, const Arguments& arguments) {
    Remembered remembered = TRY(TRY(context.manager())->get_definition(arguments.domain));
    if (!arguments.json) {
        print(pretty_json(remembered.definition) + '\n');
        explain_crash_loop(context, arguments.domain);
        explain_full_disk(context, arguments.domain);
        return {};
    }
    JsonDocument document;
    document.add_json("definition", remembered.definition);
    std::vector<JsonDocument> revisions;
    for (const Properties& revision : remembered.revisions) {
        JsonDocument part = JsonDocument::part();
        part.add("number", Value{revision.number("number")});
        part.add("created", Value{revision.number("created")});
        part.add("source", Value{revision.text("source")});
        part.add_json("definition", revision.text("definition"));
        revisions.push_back(std::move(part));
    }
    document.add("revisions", std::move(revisions));
    print(document.text());
    return {};
}

}  // namespace

void add_show(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = app.verb("show", Topic::Look, "print a domain's definition");
    verb.description =
        "Prints the definition that hvctld remembers of a domain, with defaults written out: itself a domain file, "
        "which "
        "'hvctl create' takes. Of a domain that has crashed too often to be started again, standard error tells when "
        "and why, with the last lines of its console; of one whose disk cannot grow, where room is needed. With --json "
        "also the earlier definitions that have made the "
        "domain run, newest first.";
    verb.examples = "hvctl show web1 >web1.yaml\nhvctl show --json web1 | jq '.revisions[].source'";
    verb.positional("DOMAIN", Complete::Domain, arguments->domain, "name, id or UUID");
    verb.flag("--json", arguments->json, "with the earlier definitions, in JSON; times in microseconds since 1970");
    verb.run = [arguments, &context] { return show(context, *arguments); };
}

}  // namespace hvctl::cli
