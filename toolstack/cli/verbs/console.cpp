#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "console/attach.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {
namespace {

struct Arguments {
    std::string domain;
    bool read_only = false;
    bool steal = false;
    bool history = false;
};

Result<std::string> read_log(int descriptor) {
    std::string text;
    std::array<char, 65536> buffer{};
    while (true) {
        ssize_t got = read(descriptor, buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail(ExitCode::Failed, std::string("cannot read the console log: ") + std::strerror(errno));
        if (got == 0) return text;
        text.append(buffer.data(), static_cast<std::size_t>(got));
    }
}

// The log is bounded by hvctld. A pipe gets it byte for byte, a terminal gets what cannot harm it.
Result<void> print_history(Context& context, const std::string& domain) {
    int descriptor = TRY(TRY(context.manager())->open_console_log(domain));
    auto log = read_log(descriptor);
    close(descriptor);
    std::string text = TRY(std::move(log));
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
