#include <algorithm>

#include "json.hpp"
#include "verbs/common.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {
namespace {

struct Arguments {
    std::string domain, nic;
    bool json = false;
};

struct Checked {
    std::string nic;
    NicCheck check;
    [[nodiscard]] std::size_t wrong() const {
        return static_cast<std::size_t>(std::ranges::count_if(
            check.trials, [](const Properties& one) { return one.flag("allowed") != one.flag("passed"); }));
    }
    [[nodiscard]] bool sound() const { return check.in_force && wrong() == 0; }
};

Cell outcome(const Properties& trial) {
    const bool allowed = trial.flag("allowed");
    if (trial.flag("passed") == allowed) return {allowed ? "passed" : "refused"};
    return {allowed ? "REFUSED" : "PASSED", Colour::Red};
}

std::string json(const std::vector<Checked>& all) {
    std::vector<JsonDocument> list;
    for (const Checked& one : all) {
        JsonDocument entry = JsonDocument::part();
        entry.add("nic", Value(one.nic));
        entry.add("interface", Value(one.check.interface));
        entry.add("in_force", Value(one.check.in_force));
        entry.add("sound", Value(one.sound()));
        entry.add("trials", one.check.trials);
        list.push_back(std::move(entry));
    }
    JsonDocument document;
    document.add("nics", std::move(list));
    return document.text();
}

void tell(const Context& context, const Checked& one) {
    print("Network interface " + one.nic + " (" + one.check.interface + ")\n");
    Table table({{"Result"}, {"Allowed"}, {"Sent by the guest"}});
    for (const Properties& trial : one.check.trials)
        table.add({outcome(trial), {trial.flag("allowed") ? "yes" : "no"}, {trial.text("what")}});
    print(table.render(context.out));
    print(one.check.in_force ? "What was tried is in force on " + one.check.interface + ".\n"
                             : one.check.interface + " HAS ANOTHER FILTER THAN WHAT WAS TRIED, OR NONE.\n");
}

Result<void> run(Context& context, const Arguments& arguments) {
    Manager& manager = *TRY(context.manager());
    std::vector<std::string> nics;
    if (!arguments.nic.empty()) {
        nics.push_back(arguments.nic);
    } else {
        for (const Properties& nic : TRY(manager.list_nics(arguments.domain)))
            nics.push_back(std::to_string(nic.number("number")));
    }
    std::vector<Checked> all;
    for (const std::string& nic : nics) all.push_back({nic, TRY(manager.check_nic(arguments.domain, nic))});
    if (arguments.json) {
        print(json(all));
    } else if (all.empty()) {
        print(arguments.domain + " has no network interfaces.\n");
    }
    std::string unsound;
    for (const Checked& one : all) {
        if (!arguments.json) tell(context, one);
        if (!one.sound()) unsound += (unsound.empty() ? "" : ", ") + one.nic;
    }
    if (unsound.empty()) return {};
    return fail(ExitCode::Failed, arguments.domain + ": what keeps the guest to its addresses does not, on network " +
                                      "interface " + unsound +
                                      "; 'systemctl restart hvctld' puts the filters in place again");
}

}  // namespace

void add_network_check(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = app.verb("network-check", Topic::Networks, "prove that a running domain cannot pose as another");
    verb.description =
        "Tries the filter of a domain's network interfaces: frames that the guest may send, and what a guest would "
        "send to take the place of a neighbour, the host, a router or a DHCP server, go through the same filter in a "
        "network namespace that nobody else is in. Then it is compared with what the guest's own interface has.\n"
        "Fails when a frame passes that must not, when one is refused that may pass, or when another filter is in "
        "force.";
    verb.examples = "hvctl network-check web1\nhvctl network-check web1 0 --json";
    verb.positional("DOMAIN", Complete::Guest, arguments->domain, "name, id or UUID");
    verb.positional("NIC", Complete::Nothing, arguments->nic,
                    "its number or its MAC address: see network-list; without it, all", Arity::Optional);
    verb.flag("--json", arguments->json, "what was tried and how it went, in JSON");
    verb.run = [arguments, &context] { return run(context, *arguments); };
}

}  // namespace hvctl::cli
