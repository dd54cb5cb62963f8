#include "verbs/common.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {

void add_sysrq(App& app, Context& context) {
    struct Arguments {
        std::string domain, letter;
    };
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = app.verb("sysrq", Topic::Life, "send a guest's kernel a SysRq letter");
    verb.description =
        "Gives the kernel of a Linux guest a letter for its SysRq function, as Alt-SysRq-LETTER on a keyboard would: h "
        "prints which there are. What comes of it is on the guest's console.";
    verb.examples = "hvctl sysrq web1 h\nhvctl sysrq web1 c";
    verb.positional("DOMAIN", Complete::Guest, arguments->domain, "name, id or UUID");
    verb.positional("LETTER", Complete::Nothing, arguments->letter, "a letter or a digit");
    verb.run = [arguments, &context]() -> Result<void> {
        return TRY(context.manager())->send_sysrq(arguments->domain, arguments->letter);
    };
}

}  // namespace hvctl::cli
