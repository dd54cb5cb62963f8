#include "checker.hpp"
#include "file.hpp"
#include "json.hpp"
#include "verbs/common.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {
namespace {

struct Arguments {
    std::vector<std::string> files;
    bool host = false;
    bool json = false;
};

// Only hvctld can check against the host. The text alone is checked right here, without hvctld, so any user can do it
// on any machine.
Result<Validated> validate_file(Context& context, const std::string& path, bool host) {
    DefinitionFile file = TRY(read_definition(path));
    const Definition definition{std::move(file.text), std::move(file.source), {}};
    if (!host) return check_with(checker_program(), definition);
    return TRY(context.manager())->validate_domain(definition, {{"host", true}});
}

JsonDocument report(const std::string& path, const Result<Validated>& validated) {
    JsonDocument entry = JsonDocument::part();
    entry.add("file", Value(path));
    entry.add("valid", Value(validated.has_value()));
    if (!validated) {
        entry.add("error", Value(validated.error().message));
        return entry;
    }
    entry.add("warnings", Value(validated->warnings));
    entry.add_json("definition", validated->normalised);
    return entry;
}

Result<void> validate(Context& context, const Arguments& arguments) {
    if (arguments.host) TRY(context.manager());
    std::vector<JsonDocument> reports;
    auto outcome = for_each_word(arguments.files, [&](const std::string& path) -> Result<void> {
        auto validated = validate_file(context, path, arguments.host);
        if (arguments.json) {
            reports.push_back(report(path, validated));
            return validated ? Result<void>{} : fail(validated.error().code, "");
        }
        if (!validated) return std::unexpected(validated.error());
        for (const std::string& warning : validated->warnings) warn("warning: " + warning);
        print(path + ": valid\n");
        return {};
    });
    if (arguments.json) {
        JsonDocument document;
        document.add("files", std::move(reports));
        print(document.text());
    }
    return outcome;
}

}  // namespace

void add_validate(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = app.verb("validate", Topic::Jobs, "check domain files");
    verb.description =
        "Checks domain files exactly as 'hvctl create' would, and says for each whether it is valid. Errors name the "
        "file, the line and the column; a warning names what this version cannot do yet, which 'hvctl create' refuses. "
        "It needs neither root nor hv.\n"
        "With --host it also checks what 'hvctl create' would find on this host now: the kernel and the initrd are "
        "read and checked, and so are free memory, CPUs and the name.";
    verb.examples = "hvctl validate /etc/hvctl/domains/*.yaml\nhvctl validate --host web1.yaml";
    verb.positionals_of("FILE", Complete::File, arguments->files, Arity::AtLeastOne,
                        "domain files; - is standard input");
    verb.flag("--host", arguments->host, "check against what the host has now, too; for root, on hv");
    verb.flag("--json", arguments->json, "the findings and the complete definitions, in JSON");
    verb.run = [arguments, &context] { return validate(context, *arguments); };
}

}  // namespace hvctl::cli
