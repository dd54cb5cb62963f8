// hvctl: wires the parts together and turns the outcome into an exit code.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>

#include "complete.hpp"
#include "help.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {
namespace {

constexpr std::string_view kCompleteVerb = "__complete";

// Whether the domain is one of those that an argument is about.
bool fits(const Properties& domain, Complete which) {
    const bool ended = !domain.has("domid") && domain.text("state") != "starting";
    if (which == Complete::Ended) return ended;
    return which != Complete::Guest || (!ended && domain.number("domid", 1) != 0);
}

// For the shells' scripts (completion/): "word<TAB>description" lines; ":files" asks the shell for files.
void print_completion(const App& app, Context& context, const std::vector<std::string>& words) {
    Completion completion = complete(app, words);
    if (completion.domains != Complete::Nothing) {
        auto manager = context.manager_at_once();
        auto domains = manager ? (*manager)->list_domains() : Result<std::vector<Properties>>{};
        if (domains) {
            for (const Properties& domain : *domains) {
                std::string name = domain.text("name");
                if (name.starts_with(words.back()) && fits(domain, completion.domains))
                    completion.candidates.push_back({name, domain.text("state")});
            }
        }
    }
    for (const Candidate& candidate : completion.candidates)
        print(candidate.word + '\t' + candidate.description + '\n');
    if (completion.files) print(":files\n");
}

Result<void> run(const std::vector<std::string>& words) {
    Context context;
    App app;
    add_all_verbs(app, context);
    CommandLine line = TRY(split_command_line(words, context.globals));
    context.look_at_terminals();
    if (line.version) {
        print("hvctl " HVCTL_VERSION "\n");
        return {};
    }
    if (line.verb == kCompleteVerb) {
        print_completion(app, context, line.arguments);
        return {};
    }
    if (line.verb.empty()) {
        if (!context.globals.help) return fail(ExitCode::Usage, "which verb?\n'hvctl help' lists them.");
        print(overview(app, context.out));
        return {};
    }
    const Verb* verb = line.arguments.empty() ? nullptr : app.find_apart(line.verb, line.arguments.front());
    if (verb != nullptr) {
        line.arguments.erase(line.arguments.begin());
    } else {
        verb = TRY(app.find(line.verb));
    }
    TRY(parse_arguments(*verb, line.arguments, context.globals));
    context.look_at_terminals();
    if (context.globals.help) {
        print(help_of(*verb, context.out));
        return {};
    }
    return verb->run();
}

// A descriptor that we open must never take the place of a closed standard stream, and using one stays an error.
void ensure_standard_streams() {
    for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; ++descriptor) {
        const int useless = descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY;
        if (fcntl(descriptor, F_GETFD) == -1) static_cast<void>(open("/dev/null", useless));
    }
}

}  // namespace
}  // namespace hvctl::cli

int main(int argc, char** argv) {
    using namespace hvctl::cli;
    ensure_standard_streams();
    std::signal(SIGPIPE, SIG_IGN);  // the write's error tells, after all that is begun has ended
    Result<void> outcome = run(std::vector<std::string>(argv + 1, argv + argc));
    if (auto flushed = finish_output(); outcome && !flushed) outcome = flushed;
    if (outcome) return static_cast<int>(ExitCode::Ok);
    if (!outcome.error().message.empty()) warn(outcome.error().message);
    return static_cast<int>(outcome.error().code);
}
