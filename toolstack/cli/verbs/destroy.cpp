#include "verbs/common.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {
namespace {

struct Arguments {
    std::vector<std::string> domains;
    bool no_wait = false;
};

Result<void> destroy(Context& context, const Arguments& arguments) {
    TRY(context.manager());
    return for_each_word(arguments.domains, [&](const std::string& domain) -> Result<void> {
        JobId job = TRY(TRY(context.manager())->destroy_domain(domain));
        return follow_job(context, job, arguments.no_wait, OnInterrupt::LeaveJob);
    });
}

}  // namespace

void add_destroy(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = app.verb("destroy", Topic::Life, "end a domain at once, without asking the guest");
    verb.description =
        "Ends a domain as pulling its plug would, and gives all its memory and CPUs back. What the guest had not "
        "written to "
        "its disks is lost. Its console log stays: 'hvctl console --history'.";
    verb.examples = "hvctl destroy web1";
    verb.positionals_of("DOMAIN", Complete::Guest, arguments->domains, Arity::AtLeastOne, "name, id or UUID");
    verb.flag("--no-wait", arguments->no_wait, "print the job's number and return at once");
    verb.run = [arguments, &context] { return destroy(context, *arguments); };
}

}  // namespace hvctl::cli
