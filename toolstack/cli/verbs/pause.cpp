#include "verbs/common.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {

void add_pause(App& app, Context& context) {
    auto domains = std::make_shared<std::vector<std::string>>();
    Verb& verb = app.verb("pause", Topic::Life, "stop scheduling a domain");
    verb.description =
        "Takes the CPUs away from a domain. It keeps its memory and its devices and goes on where it was after 'hvctl "
        "unpause'; also one that waits for room on a disk, when there is room.";
    verb.examples = "hvctl pause web1";
    verb.positionals_of("DOMAIN", Complete::Guest, *domains, Arity::AtLeastOne, "name, id or UUID");
    verb.run = [domains, &context]() -> Result<void> {
        Manager* manager = TRY(context.manager());
        return for_each_word(*domains, [manager](const std::string& domain) { return manager->pause_domain(domain); });
    };
}

}  // namespace hvctl::cli
