#include "verbs/common.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {

void add_forget(App& app, Context& context) {
    auto domains = std::make_shared<std::vector<std::string>>();
    Verb& verb = app.verb("forget", Topic::Life, "forget a domain that does not run");
    verb.description =
        "Takes a domain that has ended off the list. Its console log and the files it was made from stay as they are.";
    verb.examples = "hvctl forget web1";
    verb.positionals_of("DOMAIN", Complete::Ended, *domains, Arity::AtLeastOne, "name, id or UUID");
    verb.run = [domains, &context]() -> Result<void> {
        Manager* manager = TRY(context.manager());
        return for_each_word(*domains, [manager](const std::string& domain) { return manager->forget_domain(domain); });
    };
}

}  // namespace hvctl::cli
