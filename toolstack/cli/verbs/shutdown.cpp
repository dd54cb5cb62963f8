#include "verbs/stop.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {

void add_shutdown(App& app, Context& context) {
    auto arguments = std::make_shared<StopArguments>();
    Verb& verb = app.verb("shutdown", Topic::Life, "ask a guest to power off");
    verb.description =
        "Asks the guest to shut down as its power button would, and returns. What happens when it has stopped is up to "
        "the domain's on_poweroff. A guest that does not listen is left as it is: 'hvctl destroy' ends it.";
    verb.examples = "hvctl shutdown web1\nhvctl shutdown --all --wait --timeout 120";
    add_stop_options(verb, *arguments, "has stopped");
    verb.run = [arguments, &context] {
        return stop_domains(context, *arguments, &Manager::shutdown_domain, "shutdown");
    };
}

}  // namespace hvctl::cli
