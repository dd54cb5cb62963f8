// Methods of the bus's object about the disks of domains.
#include "bus/manager_object.hpp"
#include "hvctl/try.hpp"

namespace hvctld::bus {

Result<void> DiskMethods::attach(ManagerObject& object, sd_bus_message* call) {
    Arguments arguments{call};
    const std::string domain = TRY(arguments.text());
    const std::string disk = TRY(arguments.text());
    const JobId job = TRY(object.manager().attach_disk(domain, disk));
    return reply(call, [&](Writer& writer) { writer.number(job); });
}

Result<void> DiskMethods::detach(ManagerObject& object, sd_bus_message* call) {
    Arguments arguments{call};
    const std::string domain = TRY(arguments.text());
    const std::string target = TRY(arguments.text());
    const bool force = TRY(arguments.flag("force"));
    const JobId job = TRY(object.manager().detach_disk(domain, target, force));
    return reply(call, [&](Writer& writer) { writer.number(job); });
}

Result<void> DiskMethods::resize(ManagerObject& object, sd_bus_message* call) {
    Arguments arguments{call};
    const std::string domain = TRY(arguments.text());
    const std::string target = TRY(arguments.text());
    const std::uint64_t bytes = TRY(arguments.number());
    const JobId job = TRY(object.manager().resize_disk(domain, target, bytes));
    return reply(call, [&](Writer& writer) { writer.number(job); });
}

Result<void> DiskMethods::list(ManagerObject& object, sd_bus_message* call) {
    const auto disks = TRY(object.manager().disks(TRY(Arguments{call}.text())));
    return reply(call, [&](Writer& writer) {
        writer.array("a{sv}", [&] {
            for (const DiskView& view : disks) {
                writer.array("{sv}", [&] {
                    writer.entry("target", view.target).entry("number", view.number).entry("path", view.path);
                    if (!view.volume.empty()) writer.entry("volume", view.volume);
                    writer.entry("format", view.format).entry("read_only", view.read_only);
                    writer.entry("cdrom", view.cdrom).entry("shared", view.shared);
                    writer.entry("on_full", view.errors_on_full ? "error" : "pause");
                    writer.entry("state", view.state).entry("device", view.device);
                });
            }
        });
    });
}

}  // namespace hvctld::bus
