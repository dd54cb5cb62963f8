#include "verbs/common.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {

void add_rename(App& app, Context& context) {
    struct Arguments {
        std::string domain, name;
    };
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = app.verb("rename", Topic::Life, "give a domain another name");
    verb.description =
        "Gives a domain another name, whether it runs or not. Its UUID, its disks, its addresses and its console log "
        "stay. A file that it was made from is left as it is: change the name there, too, and write down the "
        "mac addresses of its nics that 'hvctl show' prints; without them a file makes new ones of the new name.";
    verb.examples = "hvctl rename web1 web-old";
    verb.positional("DOMAIN", Complete::Domain, arguments->domain, "name, id or UUID");
    verb.positional("NAME", Complete::Nothing, arguments->name, "the new name, which no domain has");
    verb.run = [arguments, &context]() -> Result<void> {
        return TRY(context.manager())->rename_domain(arguments->domain, arguments->name);
    };
}

}  // namespace hvctl::cli
