// Methods of the bus's object about the network interfaces of domains.
#include "bus/manager_object.hpp"
#include "hvctl/try.hpp"

namespace hvctld::bus {

Result<void> NicMethods::attach(ManagerObject& object, sd_bus_message* call) {
    Arguments arguments{call};
    const std::string domain = TRY(arguments.text());
    const std::string nic = TRY(arguments.text());
    const JobId job = TRY(object.manager().attach_nic(domain, nic));
    return reply(call, [&](Writer& writer) { writer.number(job); });
}

Result<void> NicMethods::detach(ManagerObject& object, sd_bus_message* call) {
    Arguments arguments{call};
    const std::string domain = TRY(arguments.text());
    const std::string which = TRY(arguments.text());
    const bool force = TRY(arguments.flag("force"));
    const JobId job = TRY(object.manager().detach_nic(domain, which, force));
    return reply(call, [&](Writer& writer) { writer.number(job); });
}

Result<void> NicMethods::change(ManagerObject& object, sd_bus_message* call) {
    Arguments arguments{call};
    const std::string domain = TRY(arguments.text());
    const std::string which = TRY(arguments.text());
    const std::string change = TRY(arguments.text());
    const JobId job = TRY(object.manager().change_nic(domain, which, change));
    return reply(call, [&](Writer& writer) { writer.number(job); });
}

Result<void> NicMethods::list(ManagerObject& object, sd_bus_message* call) {
    const auto nics = TRY(object.manager().nics(TRY(Arguments{call}.text())));
    return reply(call, [&](Writer& writer) {
        writer.array("a{sv}", [&] {
            for (const NicView& view : nics) {
                std::string addresses;
                for (const config::IpPrefix& address : view.nic.addresses)
                    addresses += (addresses.empty() ? "" : " ") + address.text();
                writer.array("{sv}", [&] {
                    writer.entry("number", view.number).entry("bridge", view.nic.bridge);
                    writer.entry("mac", view.nic.mac ? config::format_mac(*view.nic.mac) : std::string{});
                    writer.entry("addresses", view.nic.any_address ? "any" : addresses);
                    writer.entry("rate", view.nic.rate_bits).entry("mtu", view.nic.mtu).entry("link", view.nic.link);
                    writer.entry("vlan", view.nic.vlan).entry("offload", view.nic.offload);
                    writer.entry("state", view.state).entry("interface", view.interface);
                    writer.entry("received_bytes", view.counters.received_bytes);
                    writer.entry("received_packets", view.counters.received_packets);
                    writer.entry("sent_bytes", view.counters.sent_bytes);
                    writer.entry("sent_packets", view.counters.sent_packets);
                    writer.entry("transfer_quota", view.nic.quota_bytes).entry("month_bytes", view.month_bytes);
                    writer.entry("over_quota", view.over_quota);
                });
            }
        });
    });
}

Result<void> NicMethods::check(ManagerObject& object, sd_bus_message* call) {
    Arguments arguments{call};
    const std::string domain = TRY(arguments.text());
    const std::string which = TRY(arguments.text());
    object.manager().check_nic(domain, which, object.later<NicCheck>(call, [](Writer& writer, const NicCheck& check) {
        writer.text(check.interface).boolean(check.in_force);
        writer.array("a{sv}", [&] {
            for (const NicTrial& trial : check.trials) {
                writer.array("{sv}", [&] {
                    writer.entry("what", trial.what).entry("allowed", trial.allowed).entry("passed", trial.passed);
                });
            }
        });
    }));
    return {};
}

}  // namespace hvctld::bus
