#include "verbs/verbs.hpp"

namespace hvctl::cli {

void add_domname(App& app, Context& context) {
    auto domain = std::make_shared<std::string>();
    Verb& verb = app.verb("domname", Topic::Look, "print a domain's name");
    verb.description = "Prints the name of the domain with this id or UUID.";
    verb.positional("DOMAIN", Complete::Domain, *domain, "id or UUID");
    verb.run = [domain, &context]() -> Result<void> {
        print(TRY(TRY(context.manager())->get_domain(*domain)).text("name") + '\n');
        return {};
    };
}

}  // namespace hvctl::cli
