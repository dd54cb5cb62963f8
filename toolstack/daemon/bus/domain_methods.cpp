// Methods of the bus's object about domains and their life: definitions, starts, ends, consoles, vCPUs.
#include <fmt/format.h>

#include "bus/manager_object.hpp"
#include "hvctl/try.hpp"

namespace hvctld::bus {
namespace {

constexpr std::uint32_t kDefaultTimeoutSeconds = 300;

std::unexpected<Error> unknown_option(const std::string& key, const std::string& type) {
    return fail(ErrorId::InvalidArgument, fmt::format("there is no option \"{}\" of type {}", key, type));
}

// An option that is a bool.
Arguments::Option flags(std::initializer_list<std::pair<const char*, bool*>> known) {
    return [table = std::vector(known)](const std::string& key, const std::string& type,
                                        Arguments& value) -> Result<void> {
        for (const auto& [name, target] : table) {
            if (key != name || type != "b") continue;
            *target = TRY(value.boolean());
            return {};
        }
        return unknown_option(key, type);
    };
}

using Asked = Result<JobId> (Manager::*)(const std::string&, std::uint32_t);

Result<std::optional<std::uint32_t>> timeout_option(Arguments& arguments) {
    std::optional<std::uint32_t> timeout;
    TRY(arguments.options([&](const std::string& key, const std::string& type, Arguments& value) -> Result<void> {
        if (key != "timeout_seconds" || type != "u") return unknown_option(key, type);
        timeout = TRY(value.number32());
        return {};
    }));
    return timeout;
}

Result<void> ask(ManagerObject& object, sd_bus_message* call, Asked what) {
    Arguments arguments{call};
    const std::string domain = TRY(arguments.text());
    const auto timeout = TRY(timeout_option(arguments));
    const JobId job = TRY((object.manager().*what)(domain, timeout.value_or(kDefaultTimeoutSeconds)));
    return reply(call, [&](Writer& writer) { writer.number(job); });
}

Result<ConsoleMode> parse_mode(const std::string& text) {
    if (text == "read") return ConsoleMode::Read;
    if (text == "write") return ConsoleMode::Write;
    if (text == "steal") return ConsoleMode::Steal;
    return fail(ErrorId::InvalidArgument, fmt::format("\"{}\" is not a console mode: write, steal or read", text));
}

}  // namespace

void append(Writer& writer, const DomainView& view) {
    writer.entry("name", view.name).entry("uuid", view.uuid);
    if (view.domid) writer.entry("domid", std::uint32_t{*view.domid});
    writer.entry("state", view.state).entry("type", view.type);
    writer.entry("memory", view.memory).entry("max_memory", view.max_memory);
    writer.entry("vcpus", view.vcpus).entry("max_vcpus", view.max_vcpus).entry("cpu_time", view.cpu_time);
    writer.entry("cpu_weight", view.cpu_weight).entry("cpu_cap", view.cpu_cap);
    writer.entry("cpu_reservation", view.cpu_reservation).entry("uptime", view.uptime);
    writer.entry("disk_iops", view.disk_limits.requests).entry("disk_bandwidth", view.disk_limits.bytes);
    writer.entry("disk_burst", view.disk_limits.burst_seconds);
    writer.entry("autostart", view.autostart).entry("shutdown_reason", view.shutdown_reason);
    if (!view.disk_full.empty()) writer.entry("disk_full", view.disk_full);
    if (view.ended_us != 0) writer.entry("ended", view.ended_us);
    writer.entry("hv_bytes", view.hv_bytes).entry("console_dropped", view.console_dropped).entry("job", view.job);
}

Result<void> DomainMethods::create(ManagerObject& object, sd_bus_message* call) {
    Arguments arguments{call};
    const std::string config = TRY(arguments.text());
    const std::string source = TRY(arguments.text());
    const auto overrides = TRY(arguments.texts());
    CreateOptions options;
    TRY(arguments.options(flags({{"paused", &options.paused}, {"ephemeral", &options.ephemeral}})));
    const JobId job = TRY(object.manager().create(config, source, overrides, options));
    return reply(call, [&](Writer& writer) { writer.number(job); });
}

Result<void> DomainMethods::start(ManagerObject& object, sd_bus_message* call) {
    Arguments arguments{call};
    const std::string domain = TRY(arguments.text());
    bool paused = false;
    TRY(arguments.options(flags({{"paused", &paused}})));
    const JobId job = TRY(object.manager().start(domain, paused));
    return reply(call, [&](Writer& writer) { writer.number(job); });
}

Result<void> DomainMethods::definition(ManagerObject& object, sd_bus_message* call) {
    const DefinitionView view = TRY(object.manager().definition(TRY(Arguments{call}.text())));
    return reply(call, [&](Writer& writer) {
        writer.text(view.definition).array("a{sv}", [&] {
            for (const Revision& revision : view.revisions) {
                writer.array("{sv}", [&] {
                    writer.entry("number", revision.number).entry("created", revision.created_us);
                    writer.entry("source", revision.source).entry("definition", revision.definition);
                });
            }
        });
    });
}

Result<void> DomainMethods::validate(ManagerObject& object, sd_bus_message* call) {
    Arguments arguments{call};
    const std::string config = TRY(arguments.text());
    const std::string source = TRY(arguments.text());
    const auto overrides = TRY(arguments.texts());
    bool host = false;
    TRY(arguments.options(flags({{"host", &host}})));
    object.manager().validate(config, source, overrides, host,
                              object.later<Validation>(call, [](Writer& writer, const Validation& validation) {
                                  writer.text(validation.normalised).texts(validation.warnings);
                              }));
    return {};
}

Result<void> DomainMethods::list(ManagerObject& object, sd_bus_message* call) {
    const auto views = TRY(object.manager().list());
    return reply(call, [&](Writer& writer) {
        writer.array("a{sv}", [&] {
            for (const DomainView& view : views) writer.array("{sv}", [&] { append(writer, view); });
        });
    });
}

Result<void> DomainMethods::get(ManagerObject& object, sd_bus_message* call) {
    const DomainView view = TRY(object.manager().get(TRY(Arguments{call}.text())));
    return reply(call, [&](Writer& writer) { writer.array("{sv}", [&] { append(writer, view); }); });
}

Result<void> DomainMethods::pause(ManagerObject& object, sd_bus_message* call) {
    TRY(object.manager().pause(TRY(Arguments{call}.text())));
    return reply_nothing(call);
}

Result<void> DomainMethods::unpause(ManagerObject& object, sd_bus_message* call) {
    TRY(object.manager().unpause(TRY(Arguments{call}.text())));
    return reply_nothing(call);
}

Result<void> DomainMethods::shutdown(ManagerObject& object, sd_bus_message* call) {
    return ask(object, call, &Manager::shutdown);
}

Result<void> DomainMethods::reboot(ManagerObject& object, sd_bus_message* call) {
    return ask(object, call, &Manager::reboot);
}

Result<void> DomainMethods::destroy(ManagerObject& object, sd_bus_message* call) {
    const JobId job = TRY(object.manager().destroy(TRY(Arguments{call}.text())));
    return reply(call, [&](Writer& writer) { writer.number(job); });
}

Result<void> DomainMethods::dump_core(ManagerObject& object, sd_bus_message* call) {
    Arguments arguments{call};
    const std::string domain = TRY(arguments.text());
    const std::string path = TRY(arguments.text());
    CoreDumpOptions options;
    TRY(arguments.options(flags({{"live", &options.live}, {"crash", &options.crash}})));
    // The file is root's, and a guest chooses what is in it: who may name any place for it is as good as root.
    if (!path.empty() && object.is_brokered(call)) {
        return fail(ErrorId::AccessDenied,
                    "a file of one's own choice is root's to name, with hvctl itself; without a name it is in the "
                    "host's folder of dumps");
    }
    const auto [job, file] = TRY(object.manager().dump_core(domain, path, options));
    return reply(call, [&, job = job, &file = file](Writer& writer) { writer.number(job).text(file); });
}

Result<void> DomainMethods::sysrq(ManagerObject& object, sd_bus_message* call) {
    Arguments arguments{call};
    const std::string domain = TRY(arguments.text());
    TRY(object.manager().send_sysrq(domain, TRY(arguments.text())));
    return reply_nothing(call);
}

Result<void> DomainMethods::rename(ManagerObject& object, sd_bus_message* call) {
    Arguments arguments{call};
    const std::string domain = TRY(arguments.text());
    TRY(object.manager().rename(domain, TRY(arguments.text())));
    return reply_nothing(call);
}

Result<void> DomainMethods::stop_all(ManagerObject& object, sd_bus_message* call) {
    Arguments arguments{call};
    const JobId job = TRY(object.manager().stop_all(TRY(timeout_option(arguments))));
    return reply(call, [&](Writer& writer) { writer.number(job); });
}

Result<void> DomainMethods::forget(ManagerObject& object, sd_bus_message* call) {
    TRY(object.manager().forget(TRY(Arguments{call}.text())));
    return reply_nothing(call);
}

Result<void> DomainMethods::open_console(ManagerObject& object, sd_bus_message* call) {
    Arguments arguments{call};
    const std::string domain = TRY(arguments.text());
    const ConsoleMode mode = TRY(parse_mode(TRY(arguments.text())));
    const std::uint64_t history = TRY(arguments.number());
    object.manager().open_console(
        domain, mode, history,
        object.later<UniqueFd>(call, [](Writer& writer, const UniqueFd& stream) { writer.descriptor(stream.get()); }));
    return {};
}

Result<void> DomainMethods::open_console_log(ManagerObject& object, sd_bus_message* call) {
    object.manager().open_console_log(
        TRY(Arguments{call}.text()),
        object.later<UniqueFd>(call, [](Writer& writer, const UniqueFd& log) { writer.descriptor(log.get()); }));
    return {};
}

Result<void> DomainMethods::list_vcpus(ManagerObject& object, sd_bus_message* call) {
    const auto vcpus = TRY(object.manager().vcpus(TRY(Arguments{call}.text())));
    return reply(call, [&](Writer& writer) {
        writer.array("a{sv}", [&] {
            for (const VcpuView& view : vcpus) {
                writer.array("{sv}", [&] {
                    writer.entry("vcpu", view.vcpu).entry("cpu", view.cpu).entry("state", view.state);
                    writer.entry("online", view.online).entry("cpu_time", view.cpu_time);
                    writer.entry("steal_time", view.steal_time);
                    writer.entry("hard_affinity", view.hard_affinity).entry("soft_affinity", view.soft_affinity);
                });
            }
        });
    });
}

Result<void> DomainMethods::pin_vcpu(ManagerObject& object, sd_bus_message* call) {
    Arguments arguments{call};
    const std::string domain = TRY(arguments.text());
    const std::int32_t vcpu = TRY(arguments.integer());
    const std::string hard = TRY(arguments.text());
    const std::string soft = TRY(arguments.text());
    if (vcpu < -1) return fail(ErrorId::InvalidArgument, fmt::format("{} is not a vCPU; -1 means all", vcpu));
    const auto which = vcpu < 0 ? std::nullopt : std::optional{static_cast<std::uint32_t>(vcpu)};
    TRY(object.manager().pin(domain, which, hard, soft));
    return reply_nothing(call);
}

}  // namespace hvctld::bus
