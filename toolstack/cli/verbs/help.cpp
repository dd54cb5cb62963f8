#include "help.hpp"

#include "verbs/verbs.hpp"

namespace hvctl::cli {

void add_help(App& app, Context& context) {
    auto name = std::make_shared<std::string>();
    Verb& verb = app.verb("help", Topic::Help, "list the verbs, or tell all about one");
    verb.description = "Lists the verbs, or tells all about one of them.";
    verb.positional("VERB", Complete::Verb, *name, "the verb", Arity::Optional);
    verb.run = [name, &app, &context]() -> Result<void> {
        print(name->empty() ? overview(app, context.out) : help_of(*TRY(app.find(*name)), context.out));
        return {};
    };
}

}  // namespace hvctl::cli
