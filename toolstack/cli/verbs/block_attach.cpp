#include <filesystem>

#include "json.hpp"
#include "verbs/common.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {
namespace {

struct Arguments {
    std::string domain, path, target, format, key_file, on_full;
    bool volume = false, read_only = false, cdrom = false, shared = false, no_wait = false;
};

// As a list of disks in a domain file has it; JSON is YAML.
std::string disk_text(const Arguments& arguments) {
    JsonDocument disk = JsonDocument::part();
    if (!arguments.target.empty()) disk.add("target", Value(arguments.target));
    if (arguments.volume) {
        disk.add("volume", Value(arguments.path));
    } else {
        disk.add("path", Value(std::filesystem::absolute(arguments.path).string()));
    }
    if (!arguments.format.empty()) disk.add("format", Value(arguments.format));
    if (!arguments.key_file.empty())
        disk.add("key_file", Value(std::filesystem::absolute(arguments.key_file).string()));
    if (arguments.read_only) disk.add("mode", Value(std::string("ro")));
    if (arguments.cdrom) disk.add("device", Value(std::string("cdrom")));
    if (arguments.shared) disk.add("shared", Value(true));
    if (!arguments.on_full.empty()) disk.add("on_full", Value(arguments.on_full));
    return disk.text();
}

// xl's spelling, with what would be told of a file of that name otherwise.
Result<void> check_path(const Arguments& arguments) {
    for (const std::string_view prefix :
         {"phy:", "file:", "tap:", "tap2:", "aio:", "qcow2:", "qcow:", "vhd:", "raw:"}) {
        if (!arguments.path.starts_with(prefix) || std::filesystem::exists(arguments.path)) continue;
        return fail(ExitCode::Usage, "block-attach: PATH is a path alone, without '" + std::string(prefix) +
                                         "'; --format says what an image is, --read-only what xl's 'r' does");
    }
    if (arguments.path.find(',') != std::string::npos && arguments.path.find('=') != std::string::npos &&
        !std::filesystem::exists(arguments.path)) {
        return fail(ExitCode::Usage,
                    "block-attach: PATH is a path alone; 'target=...' and the like are options and arguments here, "
                    "see 'hvctl help block-attach'");
    }
    return {};
}

Result<void> attach(Context& context, const Arguments& arguments) {
    TRY(check_path(arguments));
    JobId job = TRY(TRY(context.manager())->attach_disk(arguments.domain, disk_text(arguments)));
    return follow_job(context, job, arguments.no_wait, OnInterrupt::CancelJob);
}

}  // namespace

void add_block_attach(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = app.verb("block-attach", Topic::Disks, "give a running domain a disk");
    verb.description =
        "Gives a guest that runs a disk: a file or a block device of Dom0. Returns when the guest's driver has taken "
        "it; a guest that is paused finds it when it goes on. The guest keeps the disk when it starts again.\n"
        "An image that another domain or Dom0 writes to is refused.";
    verb.examples =
        "hvctl block-attach web1 /srv/data.img\nhvctl block-attach web1 /dev/vg0/data xvdb --read-only\n"
        "hvctl block-attach web1 fast/data --volume";
    verb.positional("DOMAIN", Complete::Guest, arguments->domain, "name, id or UUID");
    verb.positional("PATH", Complete::File, arguments->path, "the image: a file or a block device");
    verb.flag("--volume", arguments->volume, "PATH is a volume, NAME or POOL/NAME");
    verb.positional("TARGET", Complete::Nothing, arguments->target, "its name in the guest (the next xvd that is free)",
                    Arity::Optional);
    verb.value("--format", "FORMAT", arguments->format,
               "of the image: raw (by default), qcow2, vmdk, vhdx, vhd, vdi, luks");
    verb.value("--key-file", "FILE", arguments->key_file, "the key of a luks image");
    verb.flag("--read-only", "-r", arguments->read_only, "the guest may not write to it");
    verb.flag("--cdrom", arguments->cdrom, "show it as a CD-ROM");
    verb.flag("--shared", arguments->shared, "others may have it, too");
    verb.value("--on-full", "WHAT", arguments->on_full,
               "when its file system in Dom0 is full: pause the guest (by default), or error");
    verb.flag("--no-wait", arguments->no_wait, "print the job's number and return at once");
    verb.run = [arguments, &context] { return attach(context, *arguments); };
}

}  // namespace hvctl::cli
