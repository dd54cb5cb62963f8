#include "job_wait.hpp"
#include "verbs/common.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {
namespace {

struct Arguments {
    std::vector<std::string> domains;
    bool paused = false;
    bool no_wait = false;
};

Result<void> start(Context& context, const Arguments& arguments) {
    TRY(context.manager());
    return for_each_word(arguments.domains, [&](const std::string& domain) -> Result<void> {
        JobId job = TRY(TRY(context.manager())->start_domain(domain, {{"paused", arguments.paused}}));
        if (arguments.no_wait) {
            print(std::to_string(job) + '\n');
            return {};
        }
        const Properties done = TRY(wait_for_job(context, job, OnInterrupt::CancelJob));
        return tell_started(context, done.text("domain"), arguments.paused);
    });
}

}  // namespace

void add_start(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = app.verb("start", Topic::Life, "start a domain that has ended");
    verb.description =
        "Starts domains that 'hvctl list' shows as stopped or crashed, from the definitions that hvctld remembers: "
        "'hvctl "
        "show' prints them, and 'hvctl create FILE' replaces them.";
    verb.examples = "hvctl start web1";
    verb.positionals_of("DOMAIN", Complete::Ended, arguments->domains, Arity::AtLeastOne, "name or UUID");
    verb.flag("--paused", "-p", arguments->paused, "leave the guest paused; 'hvctl unpause' lets it run");
    verb.flag("--no-wait", arguments->no_wait, "print the job's number and return at once");
    verb.run = [arguments, &context] { return start(context, *arguments); };
}

}  // namespace hvctl::cli
