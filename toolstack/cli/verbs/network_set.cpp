#include <array>

#include "verbs/common.hpp"
#include "verbs/key_words.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {
namespace {

struct Arguments {
    std::string domain, nic;
    std::vector<std::string> words;
    bool no_wait = false;
};

constexpr std::array<std::string_view, 5> kKeys{"addresses", "rate", "link", "transfer_quota", "over_quota"};

Result<void> change(Context& context, const Arguments& arguments) {
    const std::string text = TRY(map_text("network-set", arguments.words, kKeys));
    JobId job = TRY(TRY(context.manager())->change_nic(arguments.domain, arguments.nic, text));
    return follow_job(context, job, arguments.no_wait, OnInterrupt::LeaveJob);
}

}  // namespace

void add_network_set(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = app.verb("network-set", Topic::Networks, "change a network interface of a running domain");
    verb.description =
        "Changes what a guest may send from and how fast, or takes its link down and up again, while it runs: all that "
        "is asked for, or nothing. It is remembered.\n"
        "rate=none takes a limit away. transfer_quota=1TiB is what it may receive and send in a calendar month; "
        "over_quota is what happens then: warn, stop, or a rate that it is throttled to. A guest that gets its "
        "addresses by DHCP hears of new ones with its next "
        "request.";
    verb.examples =
        "hvctl network-set web1 0 rate=50Mbit/s\nhvctl network-set web1 0 link=down\nhvctl network-set web1 "
        "00:16:3e:00:00:01 addresses=192.0.2.8/24";
    verb.positional("DOMAIN", Complete::Guest, arguments->domain, "name, id or UUID");
    verb.positional("NIC", Complete::Nothing, arguments->nic, "its number or its MAC address: see network-list");
    verb.positionals_of("KEY=VALUE", Complete::Nothing, arguments->words, Arity::AtLeastOne,
                        "addresses, rate, link, transfer_quota or over_quota, and its new value");
    verb.flag("--no-wait", arguments->no_wait, "print the job's number and return at once");
    verb.run = [arguments, &context] { return change(context, *arguments); };
}

}  // namespace hvctl::cli
