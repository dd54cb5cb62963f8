#include "json.hpp"
#include "text.hpp"
#include "verbs/common.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {
namespace {

struct Arguments {
    std::vector<std::string> domains;
    bool json = false;
};

std::string rate_text(std::uint64_t bits) {
    struct Unit {
        std::uint64_t factor;
        const char* name;
    };
    for (const Unit& unit : {Unit{1000000000, "Gbit/s"}, Unit{1000000, "Mbit/s"}, Unit{1000, "kbit/s"}}) {
        if (bits != 0 && bits % unit.factor == 0) return std::to_string(bits / unit.factor) + unit.name;
    }
    return "-";
}

Cell nic_state_cell(const Properties& nic) {
    const std::string state = nic.text("state");
    if (!nic.flag("link") && state != "offline") return {"link down", Colour::Red};
    if (nic.flag("over_quota") && state == "connected") return {"over quota", Colour::Red};
    return device_state_cell(state);
}

Table table_of(const std::vector<DomainDevices>& all) {
    Table table({{"Name"},
                 {"ID", Align::Right},
                 {"NIC", Align::Right},
                 {"MAC"},
                 {"Bridge"},
                 {"State"},
                 {.title = "Interface", .optional = true},
                 {.title = "Rate", .optional = true},
                 {.title = "Received", .align = Align::Right, .optional = true},
                 {.title = "Sent", .align = Align::Right, .optional = true},
                 {.title = "Addresses"}});
    for (const DomainDevices& entry : all) {
        for (const Properties& nic : entry.devices) {
            const std::string interface = nic.text("interface");
            const std::string mac = nic.text("mac");
            const std::string addresses = nic.text("addresses");
            table.add({{entry.domain.text("name")},
                       {domain_id_text(entry.domain)},
                       {std::to_string(nic.number("number"))},
                       {mac.empty() ? "-" : mac},
                       {nic.text("bridge")},
                       nic_state_cell(nic),
                       {interface.empty() ? "-" : interface},
                       {rate_text(nic.number("rate"))},
                       {format_bytes(nic.number("received_bytes"))},
                       {format_bytes(nic.number("sent_bytes"))},
                       {addresses.empty() ? "-" : addresses}});
        }
    }
    return table;
}

}  // namespace

void add_network_list(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = app.verb("network-list", Topic::Networks, "list the network interfaces of domains");
    verb.description =
        "Lists the network interfaces of all domains, or of the named ones: number and MAC address in the guest, the "
        "bridge of Dom0, how far guest and Dom0 are with it (waiting: the guest has not taken it yet), Dom0's "
        "interface, what the guest has received and sent since it has it, over all of its runs, and the addresses that "
        "it may send from.";
    verb.examples = "hvctl network-list web1";
    verb.positionals_of("DOMAIN", Complete::Domain, arguments->domains, Arity::Any, "name, id or UUID");
    verb.flag("--json", arguments->json, "everything that is known, in JSON");
    verb.run = [arguments, &context]() -> Result<void> {
        const auto list = [](Manager& manager, const std::string& name) { return manager.list_nics(name); };
        auto all = TRY(devices_of(*TRY(context.manager()), arguments->domains, list));
        print(arguments->json ? devices_json(all, "nics") : table_of(all).render(context.out));
        return {};
    };
}

}  // namespace hvctl::cli
