#include "text.hpp"
#include "verbs/common.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {
namespace {

struct Arguments {
    std::vector<std::string> domains;
    bool json = false;
};

std::string mode_text(const Properties& disk) {
    std::string text = disk.flag("read_only") ? "ro" : "rw";
    if (disk.flag("cdrom")) text += ",cdrom";
    if (disk.flag("shared")) text += ",shared";
    return text;
}

Table table_of(const std::vector<DomainDevices>& all) {
    Table table({{"Name"},
                 {"ID", Align::Right},
                 {"Target"},
                 {"Mode"},
                 {"State"},
                 {.title = "Device", .optional = true},
                 {.title = "Path"}});
    for (const DomainDevices& entry : all) {
        for (const Properties& disk : entry.devices) {
            const std::string device = disk.text("device");
            table.add({{entry.domain.text("name")},
                       {domain_id_text(entry.domain)},
                       {disk.text("target")},
                       {mode_text(disk)},
                       device_state_cell(disk.text("state")),
                       {device.empty() ? "-" : device},
                       {disk.text("path")}});
        }
    }
    return table;
}

}  // namespace

void add_block_list(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = app.verb("block-list", Topic::Disks, "list the disks of domains");
    verb.description =
        "Lists the disks of all domains, or of the named ones: the name in the guest, whether it may write, how far "
        "guest "
        "and Dom0 are with it (waiting: the guest has not taken it yet), the block device of Dom0 that serves it, and "
        "the image.";
    verb.examples = "hvctl block-list web1";
    verb.positionals_of("DOMAIN", Complete::Domain, arguments->domains, Arity::Any, "name, id or UUID");
    verb.flag("--json", arguments->json, "everything that is known, in JSON");
    verb.run = [arguments, &context]() -> Result<void> {
        const auto list = [](Manager& manager, const std::string& name) { return manager.list_disks(name); };
        auto all = TRY(devices_of(*TRY(context.manager()), arguments->domains, list));
        print(arguments->json ? devices_json(all, "disks") : table_of(all).render(context.out));
        return {};
    };
}

}  // namespace hvctl::cli
