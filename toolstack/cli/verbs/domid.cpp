#include "verbs/common.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {

void add_domid(App& app, Context& context) {
    auto domain = std::make_shared<std::string>();
    Verb& verb = app.verb("domid", Topic::Look, "print a domain's id");
    verb.description =
        "Prints the id that a running domain has in hv. It changes with every start; the name and the UUID stay.";
    verb.positional("DOMAIN", Complete::Domain, *domain, "name or UUID");
    verb.run = [domain, &context]() -> Result<void> {
        Properties found = TRY(TRY(context.manager())->get_domain(*domain));
        if (!found.has("domid")) {
            return fail(ExitCode::Failed, "domain '" + found.text("name") + "' does not run, so it has no id");
        }
        print(domain_id_text(found) + '\n');
        return {};
    };
}

}  // namespace hvctl::cli
