#include "console/attach.hpp"
#include "verbs/common.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {
namespace {

struct Arguments {
    std::string domain;
    bool read_only = false;
    bool steal = false;
    bool history = false;
};

// The log is bounded by hvctld. A pipe gets it byte for byte, a terminal gets what cannot harm it.
Result<void> print_history(Context& context, const std::string& domain) {
    const std::string text = TRY(console_log(*TRY(context.manager()), domain));
    print(context.out.is_tty ? safe_for_terminal(text) : text);
    return {};
}

Result<void> console(Context& context, const Arguments& arguments) {
    if (arguments.read_only + arguments.steal + arguments.history > 1) {
        return fail(ExitCode::Usage, "console: --read-only, --steal and --history exclude each other");
    }
    if (arguments.history) return print_history(context, arguments.domain);
    std::string mode = arguments.read_only ? "read" : arguments.steal ? "steal" : "write";
    return attach_console(context, {.domain = arguments.domain, .mode = mode, .when_open = {}});
}

}  // namespace

void add_console(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = app.verb("console", Topic::Console, "attach to a guest's console");
    verb.description =
        "Shows what the guest printed last and then what it prints, and types what you type. Ctrl-] leaves; the guest "
        "does "
        "not notice. The console stays attached while the guest reboots.\n"
        "One user may write and any number may read. Everything is logged whether or not anybody watches, and the log "
        "of a "
        "domain that has ended is kept.\n"
        "Without a terminal, standard input is typed into the guest; after its end the output is shown on until the "
        "domain "
        "ends. The byte Ctrl-] (\\035) in it leaves.";
    verb.examples = "hvctl console web1\nhvctl console --history web1 | less -R";
    verb.positional("DOMAIN", Complete::Domain, arguments->domain, "name, id or UUID");
    verb.flag("--read-only", "-r", arguments->read_only, "watch without typing; Ctrl-C leaves, too");
    verb.flag("--steal", arguments->steal, "take the console over from whoever writes to it now; they go on reading");
    verb.flag("--history", arguments->history, "print the console's log and exit; works for domains that have ended");
    verb.run = [arguments, &context] { return console(context, *arguments); };
}

}  // namespace hvctl::cli
