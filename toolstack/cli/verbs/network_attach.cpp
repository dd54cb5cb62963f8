#include <array>

#include "verbs/common.hpp"
#include "verbs/key_words.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {
namespace {

struct Arguments {
    std::string domain;
    std::vector<std::string> words;
    bool no_wait = false;
};

constexpr std::array<std::string_view, 11> kKeys{"bridge", "mac",  "addresses", "gateways", "nameservers", "rate",
                                                 "mtu",    "vlan", "offload",   "link",     "hook"};

Result<void> attach(Context& context, const Arguments& arguments) {
    const std::string nic = TRY(map_text("network-attach", arguments.words, kKeys));
    JobId job = TRY(TRY(context.manager())->attach_nic(arguments.domain, nic));
    return follow_job(context, job, arguments.no_wait, OnInterrupt::CancelJob);
}

}  // namespace

void add_network_attach(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = app.verb("network-attach", Topic::Networks, "give a running domain a network interface");
    verb.description =
        "Gives a guest that runs a network interface. Returns when the guest's driver has taken it; a guest that is "
        "paused finds it when it goes on. The guest keeps it when it starts again.\n"
        "The words are those of the domain file: bridge (hvbr0), mac, addresses (apart by commas, or any), gateways "
        "and "
        "nameservers (which cloud-init is told at the next start), rate, mtu, vlan, offload (true or false), link, "
        "hook. The guest may send from its addresses and from no others; without "
        "the "
        "word, hvctld gives it one of its "
        "own network.";
    verb.examples =
        "hvctl network-attach web1\nhvctl network-attach web1 bridge=br0 addresses=192.0.2.7/24,2001:db8::7/64 "
        "rate=100Mbit/s";
    verb.positional("DOMAIN", Complete::Guest, arguments->domain, "name, id or UUID");
    verb.positionals_of("KEY=VALUE", Complete::Nothing, arguments->words, Arity::Any, "what it is like");
    verb.flag("--no-wait", arguments->no_wait, "print the job's number and return at once");
    verb.run = [arguments, &context] { return attach(context, *arguments); };
}

}  // namespace hvctl::cli
