#include "verbs/stop.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {

void add_reboot(App& app, Context& context) {
    auto arguments = std::make_shared<StopArguments>();
    Verb& verb = app.verb("reboot", Topic::Life, "ask a guest to restart");
    verb.description =
        "Asks the guest to restart, and returns. What happens when it has stopped is up to the domain's on_reboot.";
    verb.examples = "hvctl reboot --wait web1";
    add_stop_options(verb, *arguments, "runs again");
    verb.run = [arguments, &context] { return stop_domains(context, *arguments, &Manager::reboot_domain, "reboot"); };
}

}  // namespace hvctl::cli
