#include <unistd.h>

#include "console/attach.hpp"
#include "file.hpp"
#include "job_wait.hpp"
#include "json.hpp"
#include "verbs/common.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {
namespace {

struct Arguments {
    std::string file;
    std::vector<std::string> overrides;
    bool console = false;
    bool paused = false;
    bool dry_run = false;
    bool ephemeral = false;
    bool no_wait = false;
};

Result<void> check(const Arguments& arguments) {
    if (arguments.console && arguments.no_wait)
        return fail(ExitCode::Usage, "create: --console and --no-wait exclude each other");
    if (arguments.dry_run && (arguments.console || arguments.no_wait)) {
        return fail(ExitCode::Usage,
                    "create: --dry-run creates nothing, so there is nothing to wait for or to attach to");
    }
    return check_overrides(arguments.overrides);
}

// A name in the file's place is most often meant for 'start'.
Result<DefinitionFile> read_file_not_name(const std::string& word) {
    auto file = read_definition(word);
    if (!file && word.find_first_of("/.") == std::string::npos && access(word.c_str(), F_OK) != 0) {
        return fail(file.error().code, file.error().message +
                                           "\n'hvctl create' takes a domain file; 'hvctl start' takes the name of a "
                                           "domain that has ended.");
    }
    return file;
}

Result<void> dry_run(Manager& manager, const Definition& definition) {
    Validated validated = TRY(manager.validate_domain(definition, {{"host", true}}));
    for (const std::string& warning : validated.warnings) warn("warning: " + warning);
    print(pretty_json(validated.normalised) + '\n');
    return {};
}

Result<void> create(Context& context, const Arguments& arguments) {
    TRY(check(arguments));
    DefinitionFile file = TRY(read_file_not_name(arguments.file));
    Definition definition{std::move(file.text), std::move(file.source), arguments.overrides};
    Manager* manager = TRY(context.manager());
    if (arguments.dry_run) return dry_run(*manager, definition);

    // With a console the guest starts once its console is watched, so that not a byte is missed.
    Properties options = {{"paused", arguments.paused || arguments.console}, {"ephemeral", arguments.ephemeral}};
    JobId job = TRY(manager->create_domain(definition, options));
    if (arguments.no_wait) {
        print(std::to_string(job) + '\n');
        return {};
    }
    std::string name = TRY(wait_for_job(context, job, OnInterrupt::CancelJob)).text("domain");
    if (arguments.console) {
        return attach_console(
            context,
            {.domain = name, .mode = "write", .history = 0, .when_open = [&](Manager& connected) -> Result<void> {
                 if (arguments.paused) return {};
                 return connected.unpause_domain(name);
             }});
    }
    return tell_started(context, name, arguments.paused);
}

}  // namespace

void add_create(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = app.verb("create", Topic::Life, "create a domain from a file and start it");
    verb.description =
        "Creates the domain that FILE describes (hvctl.yaml(5)) and starts it. Returns when the guest runs; the "
        "guest's "
        "own boot then goes on. Ctrl-C while it is being made undoes what was done.\n"
        "KEY=VALUE changes a key of the definition for this domain, as if it were written in the file.";
    verb.examples =
        "hvctl create web1.yaml\n"
        "hvctl create web1.yaml name=web2 memory=512MiB\n"
        "hvctl create --console /usr/share/hvctl/examples/hello.yaml";
    verb.positional("FILE", Complete::File, arguments->file, "the domain file; - is standard input");
    verb.positionals_of("KEY=VALUE", Complete::Nothing, arguments->overrides, Arity::Any, "changes to the definition");
    verb.flag("--console", "-c", arguments->console, "attach to the console before the guest starts");
    verb.flag("--paused", "-p", arguments->paused, "leave the domain paused; 'hvctl unpause' starts it");
    verb.flag("--dry-run", "-n", arguments->dry_run,
              "check everything, print the complete definition in JSON, create nothing");
    verb.flag("--ephemeral", arguments->ephemeral, "forget the domain when it ends");
    verb.flag("--no-wait", arguments->no_wait, "print the job's number and return at once");
    verb.run = [arguments, &context] { return create(context, *arguments); };
}

}  // namespace hvctl::cli
