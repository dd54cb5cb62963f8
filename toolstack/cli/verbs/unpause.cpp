#include "verbs/common.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {

void add_unpause(App& app, Context& context) {
    auto domains = std::make_shared<std::vector<std::string>>();
    Verb& verb = app.verb("unpause", Topic::Life, "let a paused domain run on");
    verb.description =
        "Gives a paused domain its CPUs back, or starts one that was created with --paused. One in the state disk-full "
        "is "
        "refused, with what it waits for.";
    verb.examples = "hvctl unpause web1";
    verb.positionals_of("DOMAIN", Complete::Guest, *domains, Arity::AtLeastOne, "name, id or UUID");
    verb.run = [domains, &context]() -> Result<void> {
        Manager* manager = TRY(context.manager());
        return for_each_word(*domains,
                             [manager](const std::string& domain) { return manager->unpause_domain(domain); });
    };
}

}  // namespace hvctl::cli
