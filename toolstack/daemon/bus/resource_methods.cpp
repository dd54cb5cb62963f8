// Methods of the bus's object about vCPUs, memory and shares of domains, and about what they use.
#include "bus/manager_object.hpp"
#include "hvctl/try.hpp"

namespace hvctld::bus {
namespace {

// Over all devices of a kind.
template <class Counters>
std::uint64_t sum(const std::map<std::string, Counters>& all, std::uint64_t Counters::*member) {
    std::uint64_t total = 0;
    for (const auto& [name, counters] : all) total += counters.*member;
    return total;
}

void append(Writer& writer, const DomainUsage& usage) {
    writer.entry("name", usage.name).entry("uuid", usage.uuid).entry("domid", std::uint32_t{usage.domid});
    writer.entry("state", usage.state).entry("vcpus", usage.vcpus);
    writer.entry("memory", usage.memory).entry("max_memory", usage.max_memory);
    writer.entry("cpu_time", usage.cpu_time).entry("steal_time", usage.steal_time);
    writer.entry("disks", std::uint64_t{usage.disks.size()});
    writer.entry("disk_reads", sum(usage.disks, &DiskCounters::reads));
    writer.entry("disk_writes", sum(usage.disks, &DiskCounters::writes));
    writer.entry("disk_read_bytes", sum(usage.disks, &DiskCounters::read_bytes));
    writer.entry("disk_written_bytes", sum(usage.disks, &DiskCounters::written_bytes));
    writer.entry("nics", std::uint64_t{usage.nics.size()});
    writer.entry("received_bytes", sum(usage.nics, &NicCounters::received_bytes));
    writer.entry("received_packets", sum(usage.nics, &NicCounters::received_packets));
    writer.entry("sent_bytes", sum(usage.nics, &NicCounters::sent_bytes));
    writer.entry("sent_packets", sum(usage.nics, &NicCounters::sent_packets));
}

void append(Writer& writer, const LedgerEntry& entry) {
    constexpr std::uint64_t kSecondsOfHour = 3600;
    const LedgerSums& sums = entry.sums;
    writer.entry("name", entry.name).entry("uuid", entry.uuid).entry("begin", entry.hour * kSecondsOfHour);
    writer.entry("running", sums.running).entry("promised", sums.promised).entry("delivered", sums.delivered);
    writer.entry("stolen", sums.stolen).entry("missing", sums.missing);
    writer.entry("memory_mib_seconds", sums.memory_mib_seconds);
    writer.entry("disk_read_bytes", sums.disk_read_bytes).entry("disk_written_bytes", sums.disk_written_bytes);
    writer.entry("received_bytes", sums.received_bytes).entry("sent_bytes", sums.sent_bytes);
}

}  // namespace

Result<void> ResourceMethods::set_vcpus(ManagerObject& object, sd_bus_message* call) {
    Arguments arguments{call};
    const std::string domain = TRY(arguments.text());
    TRY(object.manager().set_vcpus(domain, TRY(arguments.number32())));
    return reply_nothing(call);
}

Result<void> ResourceMethods::set_memory(ManagerObject& object, sd_bus_message* call) {
    Arguments arguments{call};
    const std::string domain = TRY(arguments.text());
    TRY(object.manager().set_memory(domain, TRY(arguments.number())));
    return reply_nothing(call);
}

Result<void> ResourceMethods::set_max_memory(ManagerObject& object, sd_bus_message* call) {
    Arguments arguments{call};
    const std::string domain = TRY(arguments.text());
    const bool now = TRY(object.manager().set_max_memory(domain, TRY(arguments.number())));
    return reply(call, [&](Writer& writer) { writer.boolean(now); });
}

Result<void> ResourceMethods::set_shares(ManagerObject& object, sd_bus_message* call) {
    Arguments arguments{call};
    const std::string domain = TRY(arguments.text());
    TRY(object.manager().set_shares(domain, TRY(arguments.text())));
    return reply_nothing(call);
}

Result<void> ResourceMethods::set_disk_limits(ManagerObject& object, sd_bus_message* call) {
    Arguments arguments{call};
    const std::string domain = TRY(arguments.text());
    TRY(object.manager().set_disk_limits(domain, TRY(arguments.text())));
    return reply_nothing(call);
}

Result<void> ResourceMethods::usage(ManagerObject& object, sd_bus_message* call) {
    const HostUsage host = TRY(object.manager().usage());
    return reply(call, [&](Writer& writer) {
        writer.array("{sv}", [&] {
            writer.entry("at", host.at).entry("cpus", host.cpus);
            writer.entry("memory", host.memory).entry("free_memory", host.free_memory);
        });
        writer.array("a{sv}", [&] {
            for (const DomainUsage& usage : host.domains) writer.array("{sv}", [&] { append(writer, usage); });
        });
    });
}

Result<void> ResourceMethods::guarantees(ManagerObject& object, sd_bus_message* call) {
    Arguments arguments{call};
    const std::string domain = TRY(arguments.text());
    const std::uint64_t since = TRY(arguments.number());
    const std::uint32_t hours = TRY(arguments.number32());
    object.manager().guarantees(
        domain, since, hours,
        object.later<std::vector<LedgerEntry>>(call, [](Writer& writer, const std::vector<LedgerEntry>& entries) {
            writer.array("a{sv}", [&] {
                for (const LedgerEntry& entry : entries) writer.array("{sv}", [&] { append(writer, entry); });
            });
        }));
    return {};
}

}  // namespace hvctld::bus
