#include <algorithm>

#include "verbs/common.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {
namespace {

struct Arguments {
    std::string domain;
    std::vector<std::string> nics;
    bool force = false, no_wait = false;
};

Result<void> detach(Context& context, const Arguments& arguments) {
    TRY(context.manager());
    Properties options;
    if (arguments.force) options["force"] = true;
    // By what does not change when one of them has gone: of a domain that does not run the numbers do.
    std::vector<std::string> nics = arguments.nics;
    if (nics.size() > 1) {
        for (const Properties& nic : TRY(TRY(context.manager())->list_nics(arguments.domain)))
            std::ranges::replace(nics, std::to_string(nic.number("number")), nic.text("mac"));
    }
    return for_each_word(nics, [&](const std::string& nic) -> Result<void> {
        JobId job = TRY(TRY(context.manager())->detach_nic(arguments.domain, nic, options));
        return follow_job(context, job, arguments.no_wait, OnInterrupt::LeaveJob);
    });
}

}  // namespace

void add_network_detach(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = app.verb("network-detach", Topic::Networks, "take a network interface away from a domain");
    verb.description =
        "Asks a guest to let go of a network interface, and takes it away when it has. With --force the guest is not "
        "asked. A domain that does not run starts without it.";
    verb.examples = "hvctl network-detach web1 1";
    verb.positional("DOMAIN", Complete::Domain, arguments->domain, "name, id or UUID");
    verb.positionals_of("NIC", Complete::Nothing, arguments->nics, Arity::AtLeastOne,
                        "its number or its MAC address: see network-list");
    verb.flag("--force", arguments->force, "do not ask the guest");
    verb.flag("--no-wait", arguments->no_wait, "print the job's number and return at once");
    verb.run = [arguments, &context] { return detach(context, *arguments); };
}

}  // namespace hvctl::cli
